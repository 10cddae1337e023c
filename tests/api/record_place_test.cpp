#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <memory>

#include "container/create.hpp"
#include "container/record.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoints.hpp"
#include "support/fixed_random.hpp"
#include "support/thrown.hpp"

namespace adapipe {

using namespace testing;

namespace {

/// One chunk of 16 bytes, which is also what an index of nothing has, in a record of that type. Of
/// a container that is not encrypted, so that anything can be made up.
Bytes container_with(RecordType type) {
  const Bytes data(layout::kIndexHeadBytes, std::byte{'x'});
  Header header;
  header.chunk_bytes = 65536;
  FixedRandom random;
  const NewContainer made = create_container(header, std::nullopt, {}, random, {});
  Bytes out = made.head;
  RecordProtector protector(made.keys);
  RecordHeader record{.type = type, .plain_bytes = layout::kIndexHeadBytes, .sequence = 0};
  const std::size_t at = out.size();
  out.resize(at + layout::kRecordHeaderBytes + data.size() + protector.overhead_bytes());
  protector.seal(record, data, out.data() + at);
  Index index;
  index.add({.stored_bytes = record.stored_bytes, .plain_bytes = record.plain_bytes});
  const auto tail = seal_tail(index, out.size(), made.keys);
  out.insert(out.end(), tail.begin(), tail.end());
  return out;
}

}  // namespace

TEST_CASE("an index in the place of a chunk is none, however well its sizes and number fit") {
  const Bytes good = container_with(RecordType::chunk);
  const Bytes sealed = container_with(RecordType::index);
  Bytes back;
  restore(Source::memory(good), Sink::memory(back));
  REQUIRE(back.size() == layout::kIndexHeadBytes);
  CHECK(thrown_kind([&] { restore(Source::memory(sealed), Sink::memory(back)); }) == errc::corrupt);
  CHECK(thrown_kind([&] {
          restore(Source(std::make_unique<HookedStream>(sealed, BeforeCall())), Sink::discard());
        }) == errc::corrupt);
  back.resize(layout::kIndexHeadBytes);
  CHECK(thrown_kind([&] {
          const auto reader = Reader::open(Source::memory(sealed));
          (void)reader.read_at(0, back);
        }) == errc::corrupt);
}

}  // namespace adapipe
