#include <adapipe/restore.hpp>
#include <utility>

#include "api/restore_job.hpp"
#include "graph/operation_state.hpp"

namespace adapipe::inline v0_1 {

Runtime runtime_of(const RestoreOptions& options) {
  return options.runtime ? *options.runtime : Runtime::shared();
}

StartOptions start_options(RestoreOptions& options) {
  return {.stop = options.stop,
          .on_progress = std::move(options.on_progress),
          .max_in_flight = options.max_in_flight};
}

namespace {

Report run(OperationKind kind, Source source, Sink sink, RestoreOptions options) {
  const Runtime runtime = runtime_of(options);
  StartOptions begin = start_options(options);
  auto job =
      std::make_unique<RestoreJob>(kind, std::move(source), std::move(sink), std::move(options));
  return OperationState::run(runtime, std::move(job), std::move(begin));
}

Operation start(OperationKind kind, Source source, Sink sink, RestoreOptions options) {
  const Runtime runtime = runtime_of(options);
  StartOptions begin = start_options(options);
  auto job =
      std::make_unique<RestoreJob>(kind, std::move(source), std::move(sink), std::move(options));
  return OperationState::start(runtime, std::move(job), std::move(begin));
}

}  // namespace

Report restore(Source source, Sink sink, RestoreOptions options) {
  return run(OperationKind::restore, std::move(source), std::move(sink), std::move(options));
}

Operation start_restore(Source source, Sink sink, RestoreOptions options) {
  return start(OperationKind::restore, std::move(source), std::move(sink), std::move(options));
}

Report verify(Source source, RestoreOptions options) {
  return run(OperationKind::verify, std::move(source), Sink::discard(), std::move(options));
}

Operation start_verify(Source source, RestoreOptions options) {
  return start(OperationKind::verify, std::move(source), Sink::discard(), std::move(options));
}

}  // namespace adapipe::inline v0_1
