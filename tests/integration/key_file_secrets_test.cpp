#include <fcntl.h>

#include <adapipe/error.hpp>
#include <adapipe/keys.hpp>
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "io/posix.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/known_secrets.hpp"
#include "support/memory_scan.hpp"
#include "support/temp_dir.hpp"
#include "support/thrown.hpp"

namespace adapipe {

using namespace testing;

namespace {

void write_new(const std::filesystem::path& path, ByteSpan bytes) {
  const auto file = Descriptor::owned(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600));
  write_fully_at(file.get(), 0, bytes, path.native());
}

/// Writes and reads key files, good ones and bad ones. Collects what the errors say.
class KeyFiles {
 public:
  explicit KeyFiles(const KnownKeys& keys) : keys_(keys) {}

  void use_shared_key() {
    use_saved(keys_.shared_key());
    auto text = keys_.key_text();
    text.bytes().back() = std::byte{'g'};
    refuse<SharedKey>(text.bytes());
    write_new(file_, keys_.key_bytes().bytes());
    SharedKey::load(file_);
    SecretArray<33> longer;
    std::ranges::copy(keys_.key_bytes().bytes(), longer.bytes().begin());
    refuse<SharedKey>(longer.bytes());
  }

  void use_identity() {
    use_saved(keys_.identity());
    SecretBytes text = keys_.identity_text();
    SecretBytes twice(2 * text.size() + 1);
    *std::ranges::copy(text.bytes(), twice.bytes().begin()).out = static_cast<std::byte>('\n');
    std::ranges::copy(text.bytes(), twice.bytes().last(text.size()).begin());
    refuse<X25519Identity>(twice.bytes());
    text.bytes().back() ^= std::byte{1};
    refuse<X25519Identity>(text.bytes());
    expect_error(errc::invalid_argument, [&] { X25519Identity::parse(as_text(text.bytes())); });
  }

  const std::vector<std::string>& messages() const noexcept { return messages_; }

 private:
  /// Whole, then without its end.
  template <typename Key>
  void use_saved(const Key& key) {
    std::filesystem::remove(file_);
    key.save(file_);
    Key::load(file_);
    expect_error(errc::already_exists, [&] { key.save(file_); });
    expect_error(errc::io_error, [&] { key.save("/dev/null/key"); });
    std::filesystem::resize_file(file_, std::filesystem::file_size(file_) - 2);
    expect_error(errc::invalid_argument, [&] { Key::load(file_); });
  }

  template <typename Key>
  void refuse(ByteSpan content) {
    write_new(file_, content);
    expect_error(errc::invalid_argument, [&] { Key::load(file_); });
  }

  template <typename Body>
  void expect_error(errc expected, Body&& body) {
    const Error error = thrown_by(std::forward<Body>(body));
    INFO(error.what());
    CHECK(error.kind() == expected);
    messages_.emplace_back(error.what());
  }

  const KnownKeys& keys_;
  const TempDir folder_;
  const std::filesystem::path file_ = folder_ / "key";
  std::vector<std::string> messages_;
};

}  // namespace

TEST_CASE("no key of a file is left in memory or told, whatever is wrong with the file") {
  if (std::getenv("LD_BIND_NOW") == nullptr) {
    WARN("skipped without LD_BIND_NOW=1, which ctest sets: see find_in_memory()");
    return;
  }
  const KnownKeys keys("the", 1);
  KeyFiles files(keys);
  for (const auto use : {&KeyFiles::use_shared_key, &KeyFiles::use_identity}) {
    // On a thread of its own, whose dead stack nothing overwrites.
    std::thread([&] { (files.*use)(); }).join();
    std::vector<Needle> needles;
    keys.add_needles(needles);
    CHECK(describe(find_in_memory(needles)) == std::vector<std::string>());
    for (const Needle& needle : needles)
      for (const std::string& message : files.messages()) {
        INFO(needle.name() << " in: " << message);
        CHECK_FALSE(needle.is_in(as_bytes(message)));
      }
  }
  CHECK(files.messages().size() == 11);
}

}  // namespace adapipe
