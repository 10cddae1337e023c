#include <adapipe/restore.hpp>
#include <utility>

#include "api/container_access.hpp"
#include "api/restore_job.hpp"
#include "graph/failure_latch.hpp"
#include "graph/operation_state.hpp"

namespace adapipe::inline v0_1 {

namespace {

struct Start {
  Runtime runtime;
  std::unique_ptr<Job> job;
  StartOptions options;
};

Start prepare_start(Source source, Sink sink, RestoreOptions options) {
  Runtime runtime = options.runtime ? *options.runtime : Runtime::shared();
  StartOptions start{.stop = options.stop,
                     .on_progress = std::move(options.on_progress),
                     .max_in_flight = options.max_in_flight};
  auto job = std::make_unique<RestoreJob>(std::move(source), std::move(sink), std::move(options));
  return {std::move(runtime), std::move(job), std::move(start)};
}

}  // namespace

std::vector<std::shared_ptr<const Stage>> make_stages(const Header& header,
                                                      const StageRegistry& registry) {
  std::vector<std::shared_ptr<const Stage>> stages;
  for (const StageInfo& info : header.stages) {
    try {
      stages.push_back(registry.make(info));
    } catch (...) {
      throw FailureLatch::current_exception_as_error(errc::stage_failed).in_stage(info.id);
    }
  }
  return stages;
}

Report restore(Source source, Sink sink, RestoreOptions options) {
  Start start = prepare_start(std::move(source), std::move(sink), std::move(options));
  return OperationState::run(start.runtime, std::move(start.job), std::move(start.options));
}

Operation start_restore(Source source, Sink sink, RestoreOptions options) {
  Start start = prepare_start(std::move(source), std::move(sink), std::move(options));
  return OperationState::start(start.runtime, std::move(start.job), std::move(start.options));
}

Report verify(Source source, RestoreOptions options) {
  return restore(std::move(source), Sink::discard(), std::move(options));
}

Operation start_verify(Source source, RestoreOptions options) {
  return start_restore(std::move(source), Sink::discard(), std::move(options));
}

}  // namespace adapipe::inline v0_1
