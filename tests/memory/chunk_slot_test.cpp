#include "memory/chunk_slot.hpp"

#include <set>

#include "memory/buffer_access.hpp"
#include "support/catch.hpp"

namespace adapipe {

TEST_CASE("a pool hands out every slot once, the last returned first") {
  SlotPool pool(3);
  std::set<ChunkSlot*> taken;
  for (int i = 0; i < 3; ++i) taken.insert(&pool.take());
  CHECK(taken.size() == 3);
  CHECK(pool.free_slots() == 0);
  ChunkSlot& last = **taken.begin();
  for (ChunkSlot* slot : taken)
    if (slot != &last) pool.give(*slot);
  pool.give(last);
  CHECK(&pool.take() == &last);
}

TEST_CASE("a restarted slot forgets its chunk and keeps its memory") {
  ChunkSlot slot;
  BufferAccess::allocate(slot.front(), 5000);
  slot.plain_bytes = 1;
  slot.skipped = 3;
  slot.poisoned = true;
  slot.filled_bytes = 9;
  slot.data = {slot.front().data(), 5};
  const std::size_t allocated = slot.allocated_bytes();
  slot.restart(42);
  CHECK(slot.sequence == 42);
  CHECK(slot.plain_bytes == 0);
  CHECK(slot.skipped == 0);
  CHECK_FALSE(slot.poisoned);
  CHECK(slot.filled_bytes == 0);
  CHECK(slot.data.empty());
  CHECK(slot.allocated_bytes() == allocated);
  CHECK(allocated >= 5000);
}

}  // namespace adapipe
