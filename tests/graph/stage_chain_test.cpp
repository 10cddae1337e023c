#include "graph/stage_chain.hpp"

#include <adapipe/error.hpp>
#include <adapipe/stages.hpp>
#include <adapipe/taps.hpp>
#include <string>
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

StageChain unframed(Direction direction, std::vector<std::shared_ptr<const Stage>> stages) {
  return {direction, std::move(stages)};
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

TEST_CASE("without a framing, what the stages make is what is stored") {
  const Bytes plain = compressible_bytes(10'000, 1);
  using Stages = std::vector<std::shared_ptr<const Stage>>;
  for (const Stages& stages : {Stages{}, Stages{xor_stage()}, Stages{zstd(), lonely_stage()},
                               Stages{lonely_stage(), every_other_stage()}}) {
    INFO(stages.size() << " stages");
    ChunkSlot framed;
    load(framed, plain);
    run_all(chain_of(Direction::forward, stages), framed);
    ChunkSlot slot;
    load(slot, plain);
    run_all(unframed(Direction::forward, stages), slot);
    const auto record = bytes_of(framed.data);
    const Bytes in_record(record.begin() + layout::kRecordHeaderBytes,
                          record.end() - layout::kCheckBytes);
    CHECK(bytes_of(slot.data) == in_record);
    CHECK(slot.stored_bytes == in_record.size());
    CHECK(framed.stored_bytes == in_record.size() + layout::kCheckBytes);

    run_all(unframed(Direction::backward, stages), slot);
    CHECK(bytes_of(slot.data) == plain);
  }
}

TEST_CASE("without a framing, a chunk that is restored to another size is corrupt") {
  ChunkSlot slot;
  load(slot, random_bytes(10, 1));
  slot.plain_bytes = 11;
  const Error error =
      thrown_by([&] { run_all(unframed(Direction::backward, {xor_stage()}), slot); });
  CHECK(error.kind() == errc::corrupt);
  CHECK(error.stage() == "test.xor");
}

TEST_CASE("the record counts as a step, in size, memory and report, only where there is one") {
  constexpr std::size_t kBytes = 10'000;
  for (const Direction direction : {Direction::forward, Direction::backward}) {
    const StageChain framed = chain_of(direction, {xor_stage()});
    const StageChain raw = unframed(direction, {xor_stage()});
    CHECK(framed.steps() == 2);
    CHECK(raw.steps() == 1);
    CHECK(framed.blank_report().size() == 2);
    REQUIRE(raw.blank_report().size() == 1);
    CHECK(raw.blank_report()[0].name == "test.xor");
    CHECK(framed.record_header_bytes() == layout::kRecordHeaderBytes);
    CHECK(raw.record_header_bytes() == 0);
    CHECK(framed.most_stored_bytes(kBytes) == kBytes + layout::kCheckBytes);
    CHECK(raw.most_stored_bytes(kBytes) == kBytes);
    CHECK(framed.bound_bytes(1, kBytes, 0) == raw.bound_bytes(1, kBytes, 0));
    CHECK(framed.slot_bytes(kBytes) == raw.slot_bytes(kBytes) + 2 * layout::kCheckBytes);

    const StageChain nothing = unframed(direction, {});
    CHECK(nothing.steps() == 0);
    CHECK(nothing.blank_report().empty());
    CHECK(nothing.most_stored_bytes(kBytes) == kBytes);
    CHECK(nothing.slot_bytes(kBytes) < raw.slot_bytes(kBytes));
  }
}

TEST_CASE("only a record must have a place in an index") {
  struct Case {
    StageChain chain;
    std::uint64_t sequence;
    errc expected;
  };
  constexpr std::uint64_t kMost = 134'217'721;
  const Case cases[] = {{chain_of(Direction::forward, {}), kMost - 1, errc{}},
                        {chain_of(Direction::forward, {}), kMost, errc::limit_exceeded},
                        {unframed(Direction::forward, {}), kMost, errc{}}};
  for (const Case& c : cases) {
    ChunkSlot slot;
    slot.sequence = c.sequence;
    load(slot, random_bytes(10, 1));
    const Error error = thrown_by([&] { run_all(c.chain, slot); });
    CHECK(error.kind() == c.expected);
    if (c.expected != errc{}) CHECK(error.chunk() == kMost);
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
  CHECK(limits(unframed(Direction::forward, {})) == Limits{0});
  CHECK(limits(unframed(Direction::forward, {zstd(), lonely_stage()})) == Limits{0, 1});
  CHECK(limits(unframed(Direction::backward, {zstd(), lonely_stage()})) == Limits{1, 0});
}

TEST_CASE("what wants order stands alone as well, but backward, where there is no order") {
  const std::vector<std::shared_ptr<const Stage>> stages{
      xor_stage(), tap([](const ChunkInfo&, auto) {}), sha256(), zstd(),
      tee([] { return Sink::discard(); })};
  const auto describe = [](const StageChain& chain) {
    std::string out;
    for (const StepGroup& group : chain.groups())
      out += std::to_string(group.last - group.first) + (group.in_order ? " in order" : "") +
             (group.may_wait ? ", may wait" : "") + "; ";
    return out;
  };
  CHECK(describe(chain_of(Direction::forward, stages)) ==
        "2; 1 in order; 1; 1 in order, may wait; 1; ");
  CHECK(describe(chain_of(Direction::backward, stages)) == "6; ");
}

TEST_CASE("a tap that no operation has begun is refused, not run") {
  ChunkSlot slot;
  load(slot, random_bytes(10, 1));
  const Error error = thrown_by([&] { run_all(chain_of(Direction::forward, {sha256()}), slot); });
  CHECK(error.kind() == errc::stage_failed);
  CHECK(error.stage() == "sha256");
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

TEST_CASE("no stage makes more than restoring will grant, whatever it says of shorter chunks") {
  struct Shrinking final : Stage {
    StageInfo info() const override { return {.id = "test.shrinking"}; }
    std::size_t max_output_bytes(std::size_t bytes) const override {
      return bytes < 10 ? 3 * bytes : bytes;
    }
    std::unique_ptr<StageWorker> make_worker(Direction) const override {
      struct Worker final : StageWorker {
        Outcome run(const ChunkInfo&, std::span<const std::byte> in, Buffer& out) override {
          out.resize(3 * in.size());
          return Outcome::changed;
        }
      };
      return std::make_unique<Worker>();
    }
  };
  const auto halving = make_stage("test.halving", [](const ChunkInfo&, auto in, auto& out) {
    out.resize(in.size() / 2);
    return Outcome::changed;
  });
  ChunkSlot slot;
  load(slot, random_bytes(10, 1));
  const Error error = thrown_by([&] {
    run_all(chain_of(Direction::forward, {halving, std::make_shared<Shrinking>()}), slot);
  });
  CHECK(error.kind() == errc::limit_exceeded);
  CHECK(error.stage() == "test.shrinking");
}

TEST_CASE("stages make no chunk that is longer than a reader takes") {
  constexpr std::size_t kPlain = 10;
  constexpr std::size_t kMost = 2 * 64 * 1024 + 65'536 - layout::kCheckBytes;
  for (const std::size_t bytes : {kMost, kMost + 1}) {
    INFO(bytes << " bytes");
    const auto stage = make_stage("test.grows",
                                  [bytes](const ChunkInfo&, auto, auto& out) {
                                    out.resize(bytes);
                                    return Outcome::changed;
                                  },
                                  {.growth_bytes = bytes - kPlain});
    ChunkSlot slot;
    load(slot, random_bytes(kPlain, 1));
    CHECK(thrown_kind([&] { run_all(chain_of(Direction::forward, {stage}), slot); }) ==
          (bytes > kMost ? errc::limit_exceeded : errc{}));
  }
}

TEST_CASE("no stage makes nothing of something, and none is given nothing") {
  const auto emptying = make_stage("test.empties", [](const ChunkInfo&, auto, auto& out) {
    out.resize(0);
    return Outcome::changed;
  });
  bool was_seen = false;
  const auto watching = make_stage("test.watches", [&was_seen](const ChunkInfo&, auto, auto&) {
    was_seen = true;
    return Outcome::unchanged;
  });
  ChunkSlot slot;
  load(slot, random_bytes(10, 1));
  CHECK(thrown_kind([&] {
          run_all(chain_of(Direction::forward, {emptying, watching}), slot);
        }) == errc::stage_failed);
  CHECK_FALSE(was_seen);
  load(slot, random_bytes(10, 1));
  run_all(chain_of(Direction::forward, {xor_stage(), xor_stage()}), slot);
  CHECK(thrown_kind([&] {
          run_all(chain_of(Direction::backward, {watching, emptying}), slot);
        }) == errc::corrupt);
  CHECK_FALSE(was_seen);
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

TEST_CASE("no stage sees a record of a size that no chunk of its length can have") {
  const auto growing = [](std::size_t bytes) {
    return make_stage("test.grows",
                      [bytes](const ChunkInfo&, auto in, auto& out) {
                        out.resize(in.size() + bytes);
                        std::copy(in.begin(), in.end(), out.data());
                        return Outcome::changed;
                      },
                      {.growth_bytes = bytes});
  };
  const auto shrinking = make_stage("test.shrinks", [](const ChunkInfo&, auto in, auto& out) {
    out.resize(in.size() - 1);
    std::copy(in.begin() + 1, in.end(), out.data());
    return Outcome::changed;
  });
  const auto skipping =
      make_stage("test.skips", [](const ChunkInfo&, auto, auto&) { return Outcome::unchanged; });
  bool was_seen = false;
  const auto undoing = [&was_seen](std::size_t growth_bytes) {
    return make_stage("test.undoes",
                      [&was_seen](const ChunkInfo& chunk, auto in, auto& out) {
                        was_seen = true;
                        out.resize(chunk.plain_bytes);
                        std::copy_n(in.begin(), chunk.plain_bytes, out.data());
                        return Outcome::changed;
                      },
                      {.growth_bytes = growth_bytes});
  };
  using Stages = std::vector<std::shared_ptr<const Stage>>;
  struct Case {
    const char* what;
    Stages writers;
    Stages readers;
    bool good;
  };
  const Case cases[] = {
      {"as long as it may be", {growing(10)}, {undoing(10)}, true},
      {"a byte longer", {growing(11)}, {undoing(10)}, false},
      {"longer by what a stage might have made that was skipped",
       {skipping, growing(10)},
       {undoing(10), undoing(0)},
       false},
      {"longer, without a stage", {growing(1)}, {}, false},
      {"shorter, without a stage", {shrinking}, {}, false},
  };
  for (const Case& c : cases) {
    INFO(c.what);
    ChunkSlot slot;
    load(slot, random_bytes(20, 1));
    run_all(chain_of(Direction::forward, c.writers), slot);
    was_seen = false;
    CHECK(thrown_kind([&] { run_all(chain_of(Direction::backward, c.readers), slot); }) ==
          (c.good ? errc{} : errc::corrupt));
    CHECK(was_seen == c.good);
  }
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
