#include "container/seek_table.hpp"

#include "container/fixture.hpp"
#include "support/catch.hpp"

using namespace adapipe;
using namespace adapipe::testing;

TEST_CASE("a seek table has its bytes where zstd's seekable format puts them") {
  SeekTable table;
  CHECK(table.encode() == from_hex("5E 2A 4D 18  09 00 00 00  00 00 00 00  80  B1 EA 92 8F"));
  table.add({.frame_bytes = 0x0102, .plain_bytes = 0x0304, .checksum = 0xA1B2C3D4});
  table.add({.frame_bytes = 0x04030201, .plain_bytes = 0x40000000, .checksum = 0});
  CHECK(table.frames() == 2);
  CHECK(table.encode() == from_hex("5E 2A 4D 18  21 00 00 00 "
                                   "02 01 00 00  04 03 00 00  D4 C3 B2 A1 "
                                   "01 02 03 04  00 00 00 40  00 00 00 00 "
                                   "02 00 00 00  80  B1 EA 92 8F"));
}

TEST_CASE("a seek table lists 2^27 frames of 1 GiB and no more") {
  CHECK(kind_of([] { SeekTable::check_frame_fits(0x7FFFFFF); }) == std::nullopt);
  const auto error = error_of([] { SeekTable::check_frame_fits(0x8000000); });
  REQUIRE(error);
  CHECK(error->kind() == errc::limit_exceeded);
  CHECK(error->chunk() == 0x8000000);
  SeekTable table;
  CHECK(kind_of([&] { table.add({.plain_bytes = 0x40000001}); }) == errc::limit_exceeded);
  CHECK(table.frames() == 0);
}
