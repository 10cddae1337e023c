#pragma once

#include <adapipe/error.hpp>
#include <adapipe/export.hpp>
#include <adapipe/operation.hpp>
#include <adapipe/pipeline.hpp>
#include <adapipe/report.hpp>
#include <adapipe/restore.hpp>
#include <adapipe/sink.hpp>
#include <adapipe/source.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <vector>

namespace adapipe::inline v0_1 {

/// One input of a batch and where it goes. Both are opened when its turn comes.
struct BatchItem {
  Source source;
  Sink sink;
};

/// What came of one item.
struct BatchResult {
  Report report{};               ///< what was done, if there is no error
  std::optional<Error> error{};  ///< cancelled also for an item that was never begun
};

enum class OnError : std::uint8_t {
  go_on,  ///< one item's failure is nothing to the others
  stop    ///< after a failure no item is begun, and those that run are cancelled
};

/// How far a batch is.
struct BatchProgress {
  std::size_t items_done = 0;  ///< ended, whichever way
  std::size_t items_total = 0;
  /// Of all items; bytes_total once the last one has been begun, if all say their sizes.
  Progress all{};
};

struct BatchOptions {
  OnError on_error = OnError::go_on;
  /// The most items begun at once, each of which has its files open; 0: 2 x workers + 2.
  std::size_t max_running = 0;
  /// A stop requested here cancels the items that run, and no more are begun.
  std::stop_token stop{};
  /// Called at most about ten times a second and once at the end, never concurrently.
  std::function<void(const BatchProgress&)> on_progress{};
  /// Called once for each item that was begun, when it has ended; never concurrently, nor while
  /// on_progress is.
  std::function<void(std::size_t item, const BatchResult& result)> on_item{};
};

/// Runs many operations, a bounded number at once, and waits for all. In the order of the items,
/// results tell what came of each; an item that fails takes nothing from the others. All the
/// operations share the workers and the memory budget of their Runtime, where each gets its turn: a
/// big item does not hold up small ones, nor they it.
///
/// Callbacks run on the calling thread. If one throws, the items that run are cancelled, and what
/// it threw is thrown on; apart from that, only std::bad_alloc is thrown, before anything is begun.
///
/// In `each`, the options of every operation, on_progress is called for every item on its own,
/// several at once; `stop` does what BatchOptions::stop does, if that is not given.
///
/// A stage or source may call these on its own Runtime: its thread then runs one item after the
/// other. A completion callback may call them as well.
ADAPIPE_API std::vector<BatchResult> process_all(const Pipeline& pipeline,
                                                 std::vector<BatchItem> items,
                                                 ProcessOptions each = {}, BatchOptions batch = {});
ADAPIPE_API std::vector<BatchResult> restore_all(std::vector<BatchItem> items,
                                                 RestoreOptions each = {}, BatchOptions batch = {});
ADAPIPE_API std::vector<BatchResult> verify_all(std::vector<Source> sources,
                                                RestoreOptions each = {}, BatchOptions batch = {});

/// Starts the operation of item number `item`. What it throws is the error of that item.
using StartItem = std::function<Operation(std::size_t item)>;

/// The same for operations of any kind. `start` is called on the calling thread when the turn of an
/// item comes, from 0 to items - 1. Not to be called on a thread of the Runtime that the operations
/// run on. `batch.max_running` of 0 is 2 x CPUs + 2 here.
ADAPIPE_API std::vector<BatchResult> run_all(std::size_t items, const StartItem& start,
                                             BatchOptions batch = {});

}  // namespace adapipe::inline v0_1
