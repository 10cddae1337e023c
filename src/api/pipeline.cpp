#include <adapipe/backend.hpp>
#include <adapipe/error.hpp>
#include <adapipe/pipeline.hpp>
#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "api/pipeline_plan.hpp"
#include "api/process_job.hpp"
#include "container/layout.hpp"
#include "graph/operation_state.hpp"
#include "keys/slot.hpp"

namespace adapipe::inline v0_1 {

namespace {

[[noreturn]] void refuse(const std::string& stage, const std::string& why) {
  throw Error(errc::invalid_pipeline, why).in_stage(stage);
}

void check_stage(const Stage& stage) {
  const StageInfo info = stage.info();
  if (info.id.empty() || info.id.size() > 255) refuse(info.id, "a stage id has 1 to 255 bytes");
  if (!stage.reversible())
    refuse(info.id, "a stage that cannot be undone has no place in a container");
}

void check_recipients(const Cipher& cipher) {
  const std::string name = cipher.backend().name();
  const ListOf<Recipient>& recipients = cipher.recipients();
  if (recipients.empty()) refuse(name, "the cipher has no recipient, so nobody could decrypt");
  if (recipients.size() > layout::kMaxSlots) refuse(name, "there are more than 64 recipients");
  const auto passphrases = std::count_if(recipients.begin(), recipients.end(),
                                         [](const auto& r) { return r.impl().is_passphrase(); });
  if (passphrases > 1) refuse(name, "there is more than one passphrase");
}

}  // namespace

Report Pipeline::process(Source source, Sink sink, ProcessOptions options) const {
  StartOptions start = start_options(options);
  auto job = std::make_unique<ProcessJob>(*plan_, std::move(source), std::move(sink),
                                          std::move(options), system_random());
  return OperationState::run(runtime_of(*plan_), std::move(job), std::move(start));
}

Operation Pipeline::start(Source source, Sink sink, ProcessOptions options) const {
  StartOptions start = start_options(options);
  auto job = std::make_unique<ProcessJob>(*plan_, std::move(source), std::move(sink),
                                          std::move(options), system_random());
  return OperationState::start(runtime_of(*plan_), std::move(job), std::move(start));
}

struct Pipeline::Builder::Parts {
  PipelinePlan plan;
  // The first thing that was added in a place where it cannot be, for build() to report.
  std::optional<Error> misplaced;
};

Pipeline::Builder::Builder() : parts_(std::make_unique<Parts>()) {}
Pipeline::Builder::Builder(Builder&&) noexcept = default;
Pipeline::Builder& Pipeline::Builder::operator=(Builder&&) noexcept = default;
Pipeline::Builder::~Builder() = default;

Pipeline::Builder& Pipeline::Builder::add(std::shared_ptr<const Stage> stage) {
  if (!stage) throw Error(errc::invalid_argument, "Builder::add() was given no stage");
  if (parts_->plan.cipher && !parts_->misplaced)
    parts_->misplaced = Error(errc::invalid_pipeline,
                              "a stage after the cipher would work on ciphertext, which "
                              "neither shrinks nor means anything: add the cipher last")
                            .in_stage(stage->info().id);
  parts_->plan.stages.push_back(std::move(stage));
  return *this;
}

Pipeline::Builder& Pipeline::Builder::add(Cipher cipher) {
  if (parts_->plan.cipher && !parts_->misplaced)
    parts_->misplaced =
        Error(errc::invalid_pipeline, "there are two ciphers: one closes a pipeline")
            .in_stage(cipher.backend().name());
  parts_->plan.cipher = std::move(cipher);
  return *this;
}

Pipeline::Builder& Pipeline::Builder::chunk_size(ChunkSize size) {
  parts_->plan.chunk_size = size;
  return *this;
}

Pipeline::Builder& Pipeline::Builder::runtime(Runtime runtime) {
  parts_->plan.runtime = std::move(runtime);
  return *this;
}

Pipeline Pipeline::Builder::build() const {
  if (parts_->misplaced) throw Error(*parts_->misplaced);
  const PipelinePlan& plan = parts_->plan;
  if (plan.stages.size() > layout::kMaxStages)
    throw Error(errc::invalid_pipeline, std::to_string(plan.stages.size()) +
                                            " stages are more than a container holds (16)");
  for (const auto& stage : plan.stages) check_stage(*stage);
  if (plan.cipher) check_recipients(*plan.cipher);
  return Pipeline(std::make_shared<const PipelinePlan>(plan));
}

}  // namespace adapipe::inline v0_1
