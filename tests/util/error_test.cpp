#include <adapipe/error.hpp>
#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>
#include <type_traits>
#include <vector>

#include "support/catch.hpp"

using adapipe::errc;
using adapipe::Error;

namespace {

std::error_code no_space() { return {ENOSPC, std::system_category()}; }
std::string no_space_text() { return no_space().message(); }

TEST_CASE("what() is one sentence with the parts that are known") {
  struct Case {
    Error error;
    std::string what;
  };
  const std::vector<Case> cases = {
      {Error(errc::corrupt, "record changed"), "record changed"},
      {Error(errc::corrupt, "record changed").at_chunk(0), "record changed, chunk 0"},
      {Error(errc::corrupt, "record changed").at_offset(0), "record changed, at byte 0"},
      {Error(errc::corrupt, "record changed").in_stage("org.x"), "record changed, in stage org.x"},
      {Error(errc::corrupt, "record changed").in_file("a.adp"), "a.adp: record changed"},
      {Error(errc::io_error, "cannot write").caused_by(no_space()),
       "cannot write: " + no_space_text()},
      {Error(errc::stage_failed, "bad")
           .caused_by(no_space())
           .in_stage("org.x")
           .at_offset(4096)
           .in_file("a.adp")
           .at_chunk(7),
       "a.adp: bad, chunk 7, at byte 4096, in stage org.x: " + no_space_text()},
  };
  for (const Case& c : cases) CHECK(c.error.what() == c.what);
}

TEST_CASE("each part is known only once it was given") {
  Error error(errc::io_error, "cannot write");
  CHECK(error.kind() == errc::io_error);
  CHECK_FALSE(error.chunk());
  CHECK_FALSE(error.offset());
  CHECK_FALSE(error.stage());
  CHECK_FALSE(error.path());
  CHECK_FALSE(error.cause());

  error.at_chunk(1).at_offset(2).in_stage("s").in_file("f").caused_by(no_space());
  CHECK(error.chunk() == 1u);
  CHECK(error.offset() == 2u);
  CHECK(error.stage() == "s");
  CHECK(error.path() == "f");
  CHECK(error.cause() == std::errc::no_space_on_device);
}

TEST_CASE("the first annotation wins") {
  Error error(errc::corrupt, "bad");
  error.at_chunk(0).at_offset(0).in_stage("inner").in_file("inner.adp").caused_by(no_space());
  const std::string before = error.what();
  error.at_chunk(9)
      .at_offset(9)
      .in_stage("outer")
      .in_file("outer.adp")
      .caused_by(std::make_error_code(std::errc::broken_pipe));
  CHECK(error.what() == before);
  CHECK(error.message() == "bad");
  CHECK(error.chunk() == 0u);
  CHECK(error.cause() == no_space());
}

TEST_CASE("annotating a copy leaves the original as it was") {
  const Error original(errc::corrupt, "bad");
  Error copy = original;
  copy.at_chunk(3);
  CHECK(copy.what() == std::string("bad, chunk 3"));
  CHECK(original.what() == std::string("bad"));
  CHECK_FALSE(original.chunk());
  static_assert(std::is_nothrow_copy_constructible_v<Error>);
  static_assert(std::is_nothrow_copy_assignable_v<Error>);
}

TEST_CASE("errors are caught as system_error with adapipe's category") {
  try {
    throw Error(errc::wrong_key, "no key").at_chunk(1);
  } catch (const std::system_error& error) {
    CHECK(error.code() == errc::wrong_key);
    CHECK(error.code().category() == adapipe::error_category());
    CHECK(error.what() == std::string("no key, chunk 1"));
  }
  CHECK(adapipe::error_category().name() == std::string("adapipe"));
}

TEST_CASE("codes equal the standard conditions where one exists") {
  CHECK(make_error_code(errc::cancelled) == std::errc::operation_canceled);
  CHECK(make_error_code(errc::already_exists) == std::errc::file_exists);
  CHECK(make_error_code(errc::io_error) == std::errc::io_error);
  CHECK(make_error_code(errc::invalid_argument) == std::errc::invalid_argument);
  CHECK(make_error_code(errc::corrupt) != std::errc::io_error);
  CHECK(make_error_code(errc::corrupt).default_error_condition().category() ==
        adapipe::error_category());
}

TEST_CASE("every code has words of its own") {
  std::vector<std::string> messages;
  for (int value = 1; value <= 14; ++value) {
    const std::string message = adapipe::error_category().message(value);
    CHECK(message != adapipe::error_category().message(999));
    CHECK(std::count(messages.begin(), messages.end(), message) == 0);
    messages.push_back(message);
  }
}

}  // namespace
