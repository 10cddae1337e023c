#include "graph/stage_chain.hpp"

#include <adapipe/error.hpp>
#include <adapipe/stages.hpp>
#include <thread>

#include "memory/buffer_access.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/stages.hpp"
#include "support/thrown.hpp"

namespace adapipe {

using namespace testing;

namespace {

Header header_for(std::size_t stages) {
  Header header{.chunk_bytes = 64 * 1024};
  header.stages.resize(stages);
  return header;
}

StageChain chain_of(Direction direction, std::vector<std::shared_ptr<const Stage>> stages) {
  const Header header = header_for(stages.size());
  return {direction, std::move(stages), RecordKeys{.seed = 99}, header};
}

void load(ChunkSlot& slot, const Bytes& plain) {
  slot.restart(slot.sequence);
  BufferAccess::allocate(slot.front(), plain.size());
  std::copy(plain.begin(), plain.end(), slot.front().begin());
  slot.plain_bytes = static_cast<std::uint32_t>(plain.size());
  slot.data = {slot.front().data(), plain.size()};
}

void run_all(const StageChain& chain, ChunkSlot& slot) {
  ChainWorker worker(chain);
  for (const StepGroup& group : chain.groups()) worker.run(group, slot);
}

Bytes bytes_of(std::span<const std::byte> data) { return {data.begin(), data.end()}; }

}  // namespace

TEST_CASE("what a chain does forward it undoes backward") {
  const Bytes plain = compressible_bytes(10'000, 1);
  const std::vector<std::shared_ptr<const Stage>> stages{xor_stage(), every_other_stage(), zstd(),
                                                         lonely_stage()};
  for (const std::uint64_t sequence : {0u, 1u}) {
    ChunkSlot slot;
    slot.sequence = sequence;
    load(slot, plain);
    run_all(chain_of(Direction::forward, stages), slot);
    CHECK((slot.skipped & 2) == (sequence == 1 ? 2 : 0));
    run_all(chain_of(Direction::backward, stages), slot);
    CHECK(bytes_of(slot.data) == plain);
  }
}

TEST_CASE("neighbouring stages share a group, a stage with a limit stands alone") {
  using Limits = std::vector<std::size_t>;
  const auto limits = [](const StageChain& chain) {
    Limits out;
    for (const StepGroup& group : chain.groups()) out.push_back(group.max_concurrency);
    return out;
  };
  CHECK(limits(chain_of(Direction::forward, {})) == Limits{0});
  CHECK(limits(chain_of(Direction::forward, {xor_stage(), zstd()})) == Limits{0});
  CHECK(limits(chain_of(Direction::forward, {lonely_stage(), zstd()})) == Limits{1, 0});
  CHECK(limits(chain_of(Direction::forward, {xor_stage(), lonely_stage(), lonely_stage()})) ==
        Limits{0, 1, 1, 0});
  CHECK(limits(chain_of(Direction::backward, {zstd(), lonely_stage()})) == Limits{0, 1, 0});
}

TEST_CASE("a stage that throws is named, with the chunk, and keeps its kind if it has one") {
  struct Case {
    std::function<void()> raise;
    errc expected;
  };
  for (const Case& c : {Case{[] { throw std::runtime_error("no luck"); }, errc::stage_failed},
                        Case{[] { throw 7; }, errc::stage_failed},
                        Case{[] { throw std::bad_alloc(); }, errc::resource_exhausted},
                        Case{[] { throw Error(errc::corrupt, "bad"); }, errc::corrupt}}) {
    const auto stage = make_stage("test.throws", [&c](const ChunkInfo&, auto, auto&) {
      c.raise();
      return Outcome::unchanged;
    });
    ChunkSlot slot;
    slot.sequence = 41;
    load(slot, random_bytes(10, 1));
    const Error error = thrown_by([&] { run_all(chain_of(Direction::forward, {stage}), slot); });
    CHECK(error.kind() == c.expected);
    CHECK(error.chunk() == 41);
    CHECK(error.stage() == "test.throws");
  }
}

TEST_CASE("a stage cannot exceed what it said it would make") {
  const auto stage = make_stage("test.grows",
                                [](const ChunkInfo&, auto in, auto& out) {
                                  out.resize(in.size() + 11);
                                  return Outcome::changed;
                                },
                                {.growth_bytes = 10});
  ChunkSlot slot;
  load(slot, random_bytes(10, 1));
  CHECK(thrown_kind([&] { run_all(chain_of(Direction::forward, {stage}), slot); }) ==
        errc::limit_exceeded);
}

TEST_CASE("restoring to another size than the record says is corrupt") {
  const auto shrinking = make_stage("test.shrinks", [](const ChunkInfo&, auto in, auto& out) {
    out.resize(in.size() - 1);
    std::copy(in.begin() + 1, in.end(), out.data());
    return Outcome::changed;
  });
  ChunkSlot slot;
  load(slot, random_bytes(10, 1));
  run_all(chain_of(Direction::forward, {xor_stage()}), slot);
  CHECK(thrown_kind([&] { run_all(chain_of(Direction::backward, {shrinking}), slot); }) ==
        errc::corrupt);
}

TEST_CASE("a nested lease on one thread gets a worker of its own, and both are counted") {
  const StageChain chain = chain_of(Direction::forward, {xor_stage()});
  ChainWorkers workers(chain, 1);
  {
    const ChainWorkers::Lease outer(workers, 0);
    const ChainWorkers::Lease inner(workers, 0);
    CHECK(&*outer != &*inner);
    for (ChainWorker* worker : {&*outer, &*inner}) {
      ChunkSlot slot;
      load(slot, random_bytes(100, 1));
      worker->run(chain.groups().front(), slot);
    }
  }
  CHECK(workers.report().at(0).bytes_in == 200);
  const ChainWorkers::Lease again(workers, 0);
  CHECK(workers.report().size() == 2);
}

}  // namespace adapipe
