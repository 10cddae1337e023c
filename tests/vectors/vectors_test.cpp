#include "vectors/vectors.hpp"

#include <adapipe/adapipe.hpp>
#include <fstream>
#include <set>
#include <sstream>

#include "keys/kdf.hpp"
#include "support/catch.hpp"
#include "support/key_providers.hpp"
#include "support/round_trip.hpp"
#include "vectors/keys.hpp"
#include "vectors/reading.hpp"

namespace adapipe::testing {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = ADAPIPE_VECTORS;

/// A line of manifest.tsv, which explains the columns.
struct Vector {
  std::string file, keys, context, expected, expected_random, plain_sha256, note;
};

std::vector<Vector> read_manifest() {
  std::vector<Vector> out;
  std::ifstream manifest(kFolder / "manifest.tsv");
  for (std::string line; std::getline(manifest, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    Vector v;
    std::istringstream columns(line);
    for (std::string* const column :
         {&v.file, &v.keys, &v.context, &v.expected, &v.expected_random, &v.plain_sha256, &v.note})
      if (!std::getline(columns, *column, '\t')) throw std::runtime_error("not a vector: " + line);
    if (v.note == "needs argon2id" && !has_argon2id())
      v.expected = v.expected_random = "unsupported_version";
    out.push_back(std::move(v));
  }
  return out;
}

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream stream(text == "-" ? "" : text);
  for (std::string word; stream >> word;) out.push_back(word);
  return out;
}

Identity identity(const std::string& item) {
  const std::size_t colon = item.find(':');
  const std::string kind = item.substr(0, colon);
  const std::string value = item.substr(colon + 1);
  if (kind == "key") return SharedKey::load(kFolder / value);
  if (kind == "identity") return X25519Identity::load(kFolder / value);
  if (kind == "passphrase") return Passphrase(as_text(read_file(kFolder / value)));
  if (kind != "mask") throw std::runtime_error("not a key: " + item);
  const std::size_t second = value.find(':');
  const int mask = std::stoi(value.substr(second + 1));
  return std::make_shared<const MaskingProvider>(value.substr(0, second),
                                                 static_cast<std::uint8_t>(mask));
}

/// All ways to read one vector.
class VectorReader {
 public:
  explicit VectorReader(const Vector& vector)
      : bytes_(read_file(kFolder / vector.file)),
        context_(vector.context == "-" ? Bytes() : from_hex(vector.context)) {
    for (const std::string& item : words(vector.keys)) identities_.push_back(identity(item));
  }

  Reading restored(const Runtime& runtime, bool indexed) const {
    std::istringstream stream{std::string(as_text(bytes_))};
    return reading_of([&](Bytes& plain) {
      restore(indexed ? Source::memory(bytes_) : Source::from(stream), Sink::memory(plain),
              options(runtime));
    });
  }

  Reading verified(const Runtime& runtime, bool indexed) const {
    std::istringstream stream{std::string(as_text(bytes_))};
    return reading_of([&](Bytes&) {
      verify(indexed ? Source::memory(bytes_) : Source::from(stream), options(runtime));
    });
  }

  /// In pieces of `page_bytes`, the last one first.
  Reading read(std::size_t page_bytes) const {
    return reading_of([&](Bytes& plain) {
      const Reader reader = Reader::open(
          Source::memory(bytes_),
          {.identities = identities_, .context = context_, .registry = vector_stages()});
      plain.resize(reader.size());
      for (std::size_t at = (plain.size() + page_bytes - 1) / page_bytes; at-- > 0;) {
        const auto rest = std::span(plain).subspan(at * page_bytes);
        const auto page = rest.first(std::min(page_bytes, rest.size()));
        const std::size_t got = reader.read_at(at * page_bytes, page);
        REQUIRE(got == page.size());
      }
    });
  }

 private:
  RestoreOptions options(const Runtime& runtime) const {
    return {.identities = identities_,
            .context = context_,
            .registry = vector_stages(),
            .runtime = runtime};
  }

  Bytes bytes_;
  Bytes context_;
  ListOf<Identity> identities_;
};

void check(const Reading& reading, const std::string& expected, const Vector& vector) {
  CHECK(reading.result == expected);
  if (reading.result != "ok") return;
  const Digest256 digest = sha256({reading.plain});
  CHECK(Bytes(digest.begin(), digest.end()) == from_hex(vector.plain_sha256));
}

std::set<std::string> files_below(const std::string& folder) {
  std::set<std::string> out;
  for (const auto& entry : fs::directory_iterator(kFolder / folder))
    out.insert(folder + "/" + entry.path().filename().string());
  return out;
}

}  // namespace

TEST_CASE("every vector gives what the manifest says, whichever way it is read") {
  const std::pair<std::string, Runtime> runtimes[] = {{"serial", Runtime::serial()},
                                                      {"parallel", Runtime({.worker_threads = 2})}};
  for (const Vector& vector : read_manifest()) {
    INFO(vector.file << ", keys " << vector.keys << ", context " << vector.context);
    const VectorReader reader(vector);
    for (const auto& [name, runtime] : runtimes) {
      INFO(name);
      for (const bool indexed : {false, true}) {
        INFO((indexed ? "indexed" : "from front to back"));
        const std::string& expected = indexed ? vector.expected_random : vector.expected;
        const Reading restored = reader.restored(runtime, indexed);
        check(restored, expected, vector);
        CHECK((expected == "ok" || restored.plain.empty()));
        CHECK(reader.verified(runtime, indexed).result == expected);
      }
    }
    for (const std::size_t page_bytes : {std::size_t{1} << 20, std::size_t{1000}}) {
      INFO("Reader, " << page_bytes << " bytes at a time");
      check(reader.read(page_bytes), vector.expected_random, vector);
    }
  }
}

TEST_CASE("the vectors are made byte for byte as they were frozen") {
  for (const auto& [name, bytes] : all_vectors()) {
    INFO(name);
    CHECK(fs::exists(kFolder / name));
    CHECK((read_file(kFolder / name) == bytes));
  }
}

TEST_CASE("the manifest names every file, and every file is there") {
  std::set<std::string> containers, keys;
  for (const Vector& vector : read_manifest()) {
    containers.insert(vector.file);
    for (const std::string& item : words(vector.keys))
      if (!item.starts_with("mask:")) keys.insert(item.substr(item.find(':') + 1));
  }
  std::set<std::string> files = files_below("golden");
  files.merge(files_below("broken"));
  CHECK(containers == files);
  CHECK(keys == files_below("keys"));
}

}  // namespace adapipe::testing
