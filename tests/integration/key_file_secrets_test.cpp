#include <fcntl.h>

#include <adapipe/error.hpp>
#include <adapipe/keys.hpp>
#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "io/posix.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/known_secrets.hpp"
#include "support/secret_checks.hpp"
#include "support/temp_dir.hpp"

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
    messages_.expect_error(errc::invalid_argument,
                           [&] { X25519Identity::parse(as_text(text.bytes())); });
  }

  const Messages& messages() const noexcept { return messages_; }

 private:
  /// Whole, then without its end.
  template <typename Key>
  void use_saved(const Key& key) {
    std::filesystem::remove(file_);
    key.save(file_);
    Key::load(file_);
    messages_.expect_error(errc::already_exists, [&] { key.save(file_); });
    messages_.expect_error(errc::io_error, [&] { key.save("/dev/null/key"); });
    std::filesystem::resize_file(file_, std::filesystem::file_size(file_) - 2);
    messages_.expect_error(errc::invalid_argument, [&] { Key::load(file_); });
  }

  template <typename Key>
  void refuse(ByteSpan content) {
    write_new(file_, content);
    messages_.expect_error(errc::invalid_argument, [&] { Key::load(file_); });
  }

  const KnownKeys& keys_;
  const TempDir folder_;
  const std::filesystem::path file_ = folder_ / "key";
  Messages messages_;
};

}  // namespace

TEST_CASE("no key of a file is left in memory or told, whatever is wrong with the file") {
  const KnownKeys keys("the", 1);
  const auto needles = [&keys] {
    std::vector<Needle> made;
    keys.add_needles(made);
    return made;
  };
  KeyFiles files(keys);
  for (const auto use : {&KeyFiles::use_shared_key, &KeyFiles::use_identity})
    check_leaves_nothing([&] { (files.*use)(); }, needles);
  files.messages().check_without(needles());
  CHECK(files.messages().count() == 11);
}

}  // namespace adapipe
