#include "api/decoded_chunks.hpp"

#include <oneapi/tbb/task_arena.h>

#include <adapipe/error.hpp>
#include <algorithm>
#include <utility>

namespace adapipe::inline v0_1 {

namespace {

/// Ahead of small chunks, so that a worker's turn is worth it.
constexpr std::uint64_t kLeastAheadBytes = std::uint64_t{1} << 20;
constexpr std::size_t kMostTurns = 256;

}  // namespace

/// What is being decoded ahead. The tasks share it, for they may outlive the chunks.
struct DecodedChunks::Ahead {
  explicit Ahead(FifoGate& memory_gate) noexcept : memory(memory_gate) {}

  /// Runs `work` unless the chunks are gone; they stay until it has ended.
  template <typename Work>
  void while_there(Work&& work) noexcept {
    {
      const std::lock_guard lock(mutex);
      if (stopped) return;
      ++running;
    }
    try {
      work();
    } catch (...) {  // who asks for the chunk meets the same error
    }
    const std::lock_guard lock(mutex);
    --running;
    changed.notify_all();
  }

  struct Held {
    std::uint64_t chunk;
    std::size_t bytes;
  };

  FifoGate& memory;
  std::mutex mutex;
  std::condition_variable changed;
  bool stopped = false;
  std::size_t running = 0;
  std::vector<Held> turns;  // queued or running
};

/// One chunk's turn to be decoded ahead: its place among the others and its part of the budget.
class DecodedChunks::Turn {
 public:
  Turn(std::shared_ptr<Ahead> owner, std::uint64_t chunk) : ahead(std::move(owner)) {
    slot.restart(chunk);
  }
  ~Turn() {
    const std::lock_guard lock(ahead->mutex);
    const auto held = std::find_if(
        ahead->turns.begin(), ahead->turns.end(),
        [this](const Ahead::Held& one) { return taken_ && one.chunk == slot.sequence; });
    if (held == ahead->turns.end()) return;
    ahead->memory.leave(held->bytes);
    ahead->turns.erase(held);
  }
  Turn(const Turn&) = delete;

  /// false: it has one already, or there is no room.
  bool take(std::size_t bytes) {
    const std::lock_guard lock(ahead->mutex);
    if (ahead->turns.size() >= kMostTurns) return false;
    for (const Ahead::Held& one : ahead->turns)
      if (one.chunk == slot.sequence) return false;
    ahead->turns.push_back({slot.sequence, bytes});
    if (ahead->memory.try_extend(bytes)) return taken_ = true;
    ahead->turns.pop_back();
    return false;
  }

  const std::shared_ptr<Ahead> ahead;
  ChunkSlot slot;

 private:
  bool taken_ = false;
};

DecodedChunks::DecodedChunks(const IndexedReader& reader, std::size_t chunk_bytes,
                             RuntimeImpl& runtime, std::optional<std::size_t> cache_bytes)
    : reader_(reader),
      chunk_bytes_(std::max<std::size_t>(chunk_bytes, 1)),
      runtime_(runtime),
      watch_(runtime.counters(), OperationKind::reader),
      workers_(reader.chain(), 0, &watch_),
      cache_(cache_bytes ? own_cache_.emplace(*cache_bytes) : runtime.decoded_chunks()),
      ahead_(std::make_shared<Ahead>(runtime.memory())) {
  reader.chain().introduce_to(watch_);
  // After all that may throw, for only the destructor forgets it.
  container_number_ = cache_.add_container();
  watch_.started();
}

DecodedChunks::~DecodedChunks() {
  std::size_t held_bytes = 0;
  {
    std::unique_lock lock(ahead_->mutex);
    ahead_->stopped = true;
    ahead_->changed.wait(lock, [this] { return ahead_->running == 0; });
    for (const Ahead::Held& one : ahead_->turns) held_bytes += one.bytes;
    ahead_->turns.clear();
  }
  if (held_bytes > 0) runtime_.memory().leave(held_bytes);
  cache_.forget(container_number_);
  watch_.ended(nullptr);
}

std::shared_ptr<const CachedChunk> DecodedChunks::get(std::uint64_t chunk) {
  ChunkCache::Found found = cache_.find(key(chunk), true);
  if (found.decoded) return found.decoded;
  ChunkSlot slot;
  slot.restart(chunk);
  try {
    read(slot, true);
    return decode(slot, std::move(found.claim));
  } catch (Error& error) {
    throw error.at_chunk(chunk);
  }
}

ReadResult DecodedChunks::read(ChunkSlot& slot, bool may_wait) {
  const auto began = OperationWatch::Clock::now();
  const ReadResult result =
      located(reader_, slot, [&] { return reader_.read_chunk(slot, may_wait); });
  if (result == ReadResult::filled) watch_.was_read(slot, {began, OperationWatch::Clock::now()});
  return result;
}

std::shared_ptr<const CachedChunk> DecodedChunks::decode(ChunkSlot& slot, ChunkCache::Claim claim) {
  located(reader_, slot, [&] {
    // Isolated, a stage that waits for parallel work of its own picks up nothing that could wait
    // for this very chunk.
    oneapi::tbb::this_task_arena::isolate([&] {
      const ChainWorkers::Lease worker(workers_, 0);
      for (const StepGroup& group : reader_.chain().groups()) worker->run(group, slot);
    });
  });
  const std::span<const std::byte> data = slot.data;
  auto decoded = std::make_shared<CachedChunk>(CachedChunk{std::move(slot.front()), data});
  claim.fill(decoded);
  return decoded;
}

std::uint64_t DecodedChunks::ahead_bytes() const noexcept {
  if (runtime_.is_serial()) return 0;
  const std::uint64_t wanted =
      std::max(2 * runtime_.worker_threads() * chunk_bytes_, kLeastAheadBytes);
  // Others read ahead into the same cache: what is dropped before it is asked for was in vain.
  return std::min<std::uint64_t>(wanted, cache_.max_bytes() / 2 / cache_.containers());
}

void DecodedChunks::decode_ahead(std::uint64_t first) noexcept {
  // A worker that waited for a chunk would be one less to decode it.
  if (runtime_.runs_on_this_thread()) return;
  const std::uint64_t chunks = std::min<std::uint64_t>(ahead_bytes() / chunk_bytes_, kMostTurns);
  const std::uint64_t end = std::min(first + chunks, *reader_.chunks());
  try {
    for (std::uint64_t chunk = first; chunk < end; ++chunk)
      if (!cache_.contains(key(chunk))) start_ahead(chunk);
  } catch (...) {  // without memory for it, who asks for a chunk decodes it
  }
}

void DecodedChunks::start_ahead(std::uint64_t chunk) {
  const auto turn = std::make_shared<Turn>(ahead_, chunk);
  const std::size_t plain_bytes = reader_.chunk(chunk).plain_bytes;
  if (!turn->take(reader_.chain().slot_bytes(plain_bytes) +
                  reader_.chain().worker_bytes(plain_bytes)))
    return;
  runtime_.workers().enqueue([this, turn] { turn->ahead->while_there([&] { read_ahead(turn); }); });
}

void DecodedChunks::read_ahead(const std::shared_ptr<Turn>& turn) {
  if (read(turn->slot, false) == ReadResult::filled) return finish_ahead(turn);
  runtime_.io().submit([this, turn] {
    turn->ahead->while_there([&] {
      read(turn->slot, true);
      runtime_.workers().enqueue(
          [this, turn] { turn->ahead->while_there([&] { finish_ahead(turn); }); });
    });
  });
}

void DecodedChunks::finish_ahead(const std::shared_ptr<Turn>& turn) {
  ChunkCache::Found found = cache_.find(key(turn->slot.sequence), false);
  if (found.claim) decode(turn->slot, std::move(found.claim));
}

}  // namespace adapipe::inline v0_1
