#include <adapipe/batch.hpp>
#include <memory>
#include <utility>

#include "api/batch_run.hpp"
#include "api/process_job.hpp"
#include "api/restore_job.hpp"
#include "graph/operation_state.hpp"

namespace adapipe::inline v0_1 {

namespace {

/// `make_job` makes the job of an item with the options that are given to it.
template <typename Options, typename MakeJob>
std::vector<BatchResult> run_jobs(const Runtime& runtime, std::size_t items, const Options& each,
                                  BatchOptions batch, const MakeJob& make_job) {
  if (!batch.stop.stop_possible()) batch.stop = each.stop;
  if (batch.max_running == 0) batch.max_running = 2 * runtime.worker_threads() + 2;
  const bool in_place = runtime.is_serial() || runtime.impl().runs_on_this_thread();
  const std::stop_token stop = batch.stop;
  BatchRun* the_run = nullptr;
  const StartItem start_item = [&](std::size_t item) {
    Options options = each;
    options.stop = stop;
    if (in_place)
      options.on_progress = [&](const Progress& progress) {
        if (each.on_progress) each.on_progress(progress);
        the_run->show_started(progress);
      };
    StartOptions start = start_options(options);
    return OperationState::start_to_wait(runtime, make_job(item, std::move(options)),
                                         std::move(start));
  };
  BatchRun run(items, start_item, std::move(batch));
  the_run = &run;
  return std::move(run).run();
}

}  // namespace

std::vector<BatchResult> process_all(const Pipeline& pipeline, std::vector<BatchItem> items,
                                     ProcessOptions each, BatchOptions batch) {
  const auto make_job = [&](std::size_t item, ProcessOptions options) {
    auto& [source, sink] = items[item];
    return std::make_unique<ProcessJob>(pipeline.plan(), std::move(source), std::move(sink),
                                        std::move(options), system_random());
  };
  return run_jobs(runtime_of(pipeline.plan()), items.size(), each, std::move(batch), make_job);
}

std::vector<BatchResult> restore_all(std::vector<BatchItem> items, RestoreOptions each,
                                     BatchOptions batch) {
  const auto make_job = [&](std::size_t item, RestoreOptions options) {
    auto& [source, sink] = items[item];
    return std::make_unique<RestoreJob>(OperationKind::restore, std::move(source), std::move(sink),
                                        std::move(options));
  };
  return run_jobs(runtime_of(each), items.size(), each, std::move(batch), make_job);
}

std::vector<BatchResult> verify_all(std::vector<Source> sources, RestoreOptions each,
                                    BatchOptions batch) {
  const auto make_job = [&](std::size_t item, RestoreOptions options) {
    return std::make_unique<RestoreJob>(OperationKind::verify, std::move(sources[item]),
                                        Sink::discard(), std::move(options));
  };
  return run_jobs(runtime_of(each), sources.size(), each, std::move(batch), make_job);
}

}  // namespace adapipe::inline v0_1
