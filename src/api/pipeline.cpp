#include <adapipe/backend.hpp>
#include <adapipe/error.hpp>
#include <adapipe/pipeline.hpp>
#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "api/pipeline_plan.hpp"
#include "api/plan_cost.hpp"
#include "api/process_job.hpp"
#include "cipher/host_cipher.hpp"
#include "cipher/openssl_aead.hpp"
#include "container/layout.hpp"
#include "graph/operation_state.hpp"
#include "graph/tap.hpp"
#include "keys/slot.hpp"
#include "stages/zstd_frames.hpp"

namespace adapipe::inline v0_1 {

namespace {

[[noreturn]] void refuse(const std::string& stage, const std::string& why) {
  throw Error(errc::invalid_pipeline, why).in_stage(stage);
}

void check_stage(const Stage& stage, Container container) {
  const StageInfo info = stage.info();
  if (info.id.empty() || info.id.size() > 255) refuse(info.id, "a stage id has 1 to 255 bytes");
  if (container != Container::none && !stage.reversible())
    refuse(info.id, "a stage that cannot be undone has no place in a container");
}

void check_cipher(const Cipher& cipher, Container container) {
  if (!is_openssl_aead(cipher.backend()))
    check_host_cipher(cipher.backend(), errc::invalid_pipeline);
  const std::string name = cipher.backend().name();
  if (container != Container::adapipe)
    refuse(name, "only an adapipe container can be encrypted: no other has a place for its keys");
  const ListOf<Recipient>& recipients = cipher.recipients();
  if (recipients.empty()) refuse(name, "the cipher has no recipient, so nobody could decrypt");
  if (recipients.size() > layout::kMaxSlots) refuse(name, "there are more than 64 recipients");
  const auto passphrases = std::count_if(recipients.begin(), recipients.end(),
                                         [](const auto& r) { return r.impl().is_passphrase(); });
  if (passphrases > 1) refuse(name, "there is more than one passphrase");
}

/// Has every chunk become a frame that stands for itself.
void make_frames(PipelinePlan& plan) {
  bool found = false;
  for (auto& stage : plan.stages) {
    if (as_tap(*stage)) continue;
    auto frames = zstd_frames(*stage);
    if (!frames) refuse(stage->info().id, "no zstd decoder could undo this stage of a .zst file");
    if (found) refuse(stage->info().id, "a .zst file is compressed once");
    stage = std::move(frames);
    found = true;
  }
  if (!found) throw Error(errc::invalid_pipeline, "a .zst file needs the stage zstd()");
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

std::size_t Pipeline::bytes_in_flight(ChunkSize size, std::size_t chunks) const {
  return chunk_cost(*plan_, size).bytes_for(chunks);
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

Pipeline::Builder& Pipeline::Builder::container(Container container) {
  parts_->plan.container = container;
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
  PipelinePlan plan = parts_->plan;
  const auto recorded = std::count_if(plan.stages.begin(), plan.stages.end(),
                                      [](const auto& s) { return as_tap(*s) == nullptr; });
  if (recorded > static_cast<std::ptrdiff_t>(layout::kMaxStages))
    throw Error(errc::invalid_pipeline,
                std::to_string(recorded) + " stages are more than a container holds (16)");
  for (const auto& stage : plan.stages) check_stage(*stage, plan.container);
  if (plan.cipher) check_cipher(*plan.cipher, plan.container);
  if (plan.container == Container::zstd_seekable) make_frames(plan);
  return Pipeline(std::make_shared<const PipelinePlan>(std::move(plan)));
}

}  // namespace adapipe::inline v0_1
