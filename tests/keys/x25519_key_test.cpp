#include <sys/stat.h>

#include <adapipe/error.hpp>
#include <adapipe/keys.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "support/thrown.hpp"

using namespace adapipe;
using namespace adapipe::testing;
namespace fs = std::filesystem;

namespace {

// A pair made by another implementation: the private key is 32 bytes 0x22.
const std::string kSecret =
    "ADP-SECRET-KEY-1YG3ZYG3ZYG3ZYG3ZYG3ZYG3ZYG3ZYG3ZYG3ZYG3ZYG3ZYG3ZYG3QLTS5VW";
const std::string kPublic = "adp1p74xsnkj3pnmjl62dgk7uh0ce6t5ua4hqx8r7g4pcn8jv7zhpusqnu5dch";

void write(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("X25519 keys have the documented text forms") {
  const X25519Identity identity = X25519Identity::parse(kSecret);
  CHECK(identity.recipient().text() == kPublic);
  CHECK(identity.recipient() == X25519PublicKey::parse(kPublic));
  const Bytes bytes = from_hex("0faa684ed28867b97f4a6a2dee5df8ce974e76b7018e3f22a1c4cf2678570f20");
  CHECK(identity.recipient() == X25519PublicKey::from_bytes(std::span<const std::byte, 32>(bytes)));
}

TEST_CASE("an X25519 identity that was moved from still has its key") {
  X25519Identity identity = X25519Identity::parse(kSecret);
  const X25519Identity moved = std::move(identity);
  CHECK(identity.recipient() == moved.recipient());
}

TEST_CASE("what is no X25519 key is refused without repeating it") {
  std::string typo = kPublic;
  typo[20] = 'q';
  for (const std::string& text : {std::string(), kSecret, typo, kPublic + " ", kPublic + "\n"}) {
    const Error error = thrown_by([&] { X25519PublicKey::parse(text); });
    CHECK(error.kind() == errc::invalid_argument);
    CHECK((text.empty() || std::string(error.what()).find(text) == std::string::npos));
  }
  std::string secret_typo = kSecret;
  secret_typo[30] = 'Q';
  for (const std::string& text : {std::string(), kPublic, secret_typo, " " + kSecret}) {
    const Error error = thrown_by([&] { X25519Identity::parse(text); });
    CHECK(error.kind() == errc::invalid_argument);
    CHECK((text.empty() || std::string(error.what()).find(text) == std::string::npos));
  }
}

TEST_CASE("public keys with which anyone could open are refused") {
  const Bytes zero(32);
  CHECK(thrown_kind([&] { X25519PublicKey::from_bytes(std::span<const std::byte, 32>(zero)); }) ==
        errc::invalid_argument);
  CHECK(thrown_kind([&] {
          X25519PublicKey::parse("adp1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqn00yvw");
        }) == errc::invalid_argument);
}

TEST_CASE("only the canonical form of a public key is taken") {
  const auto is_taken = [](const Bytes& bytes) {
    return thrown_kind([&] {
             X25519PublicKey::from_bytes(std::span<const std::byte, 32>(bytes));
           }) == errc{};
  };
  Bytes largest(32, std::byte{0xFF});  // 2^255 - 21; the next one has a low order
  largest.front() = std::byte{0xEB};
  largest.back() = std::byte{0x7F};
  CHECK(is_taken(largest));
  Bytes prime_and_two = largest;
  prime_and_two.front() = std::byte{0xEF};
  CHECK_FALSE(is_taken(prime_and_two));
  Bytes top_bit = from_hex("0faa684ed28867b97f4a6a2dee5df8ce974e76b7018e3f22a1c4cf2678570f20");
  CHECK(is_taken(top_bit));
  top_bit.back() |= std::byte{0x80};
  CHECK_FALSE(is_taken(top_bit));
}

TEST_CASE("an identity file is private, says its public key, and gives the identity back") {
  const TempDir folder;
  const X25519Identity identity = X25519Identity::generate();
  identity.save(folder / "id");
  struct stat found {};
  REQUIRE(::stat((folder / "id").c_str(), &found) == 0);
  CHECK((found.st_mode & 0777) == 0600);
  const std::string content = read(folder / "id");
  CHECK(content.starts_with("# public key: " + identity.recipient().text() + "\nADP-SECRET-KEY-1"));
  CHECK(content.ends_with('\n'));
  CHECK(X25519Identity::load(folder / "id").recipient() == identity.recipient());

  const Error error = thrown_by([&] { X25519Identity::generate().save(folder / "id"); });
  CHECK(error.kind() == errc::already_exists);
  CHECK(error.path() == (folder / "id").string());
  CHECK(read(folder / "id") == content);
}

TEST_CASE("two generated identities differ") {
  CHECK_FALSE(X25519Identity::generate().recipient() == X25519Identity::generate().recipient());
}

TEST_CASE("identity files may have comments, empty lines and either line end") {
  const TempDir folder;
  for (const std::string& content :
       {kSecret, kSecret + "\n", "# a\n\n" + kSecret + "\n#b\n", "\r\n# a\r\n" + kSecret + "\r\n",
        "  \t" + kSecret + "\t \n   \n"}) {
    write(folder / "id", content);
    CHECK(X25519Identity::load(folder / "id").recipient().text() == kPublic);
  }
}

TEST_CASE("a file that is no identity file is refused by name") {
  const TempDir folder;
  const std::string contents[] = {"",
                                  "\n",
                                  "# only a comment\n",
                                  "# " + kSecret + "\n",
                                  "\xEF\xBB\xBF" + kSecret + "\n",
                                  kPublic + "\n",
                                  kSecret + kSecret,
                                  kSecret + "\n" + kSecret + "\n",
                                  kSecret.substr(0, 40) + "\n",
                                  std::string(64, 'a') + "\n",
                                  std::string(70'000, '\n') + kSecret,
                                  kSecret + std::string(70'000, '\n')};
  for (const std::string& content : contents) {
    write(folder / "id", content);
    const Error error = thrown_by([&] { X25519Identity::load(folder / "id"); });
    CHECK(error.kind() == errc::invalid_argument);
    CHECK(error.path() == (folder / "id").string());
  }
  CHECK(thrown_kind([&] { X25519Identity::load(folder / "missing"); }) == errc::io_error);
  CHECK(thrown_kind([&] { X25519Identity::load("/dev/zero"); }) == errc::invalid_argument);
}
