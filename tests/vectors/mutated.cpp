#include <fmt/format.h>

#include <adapipe/adapipe.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <stdexcept>

#include "support/round_trip.hpp"
#include "vectors/draft.hpp"
#include "vectors/keys.hpp"
#include "vectors/reading.hpp"

/// adapipe_mutated_containers DIR COUNT SEED: writes containers with a random change, around which
/// all sums, tags and seals fit, and a manifest of what adapipe makes of them, for a second
/// reader to agree or disagree with.
namespace adapipe::testing {
namespace {

namespace fs = std::filesystem;

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  /// 0 .. below - 1
  std::size_t below(std::size_t below) { return engine_() % below; }
  template <typename List>
  auto& one_of(List& list) {
    return list[below(list.size())];
  }
  template <typename T>
  T one_of(std::initializer_list<T> list) {
    return list.begin()[below(list.size())];
  }
  std::byte change() { return static_cast<std::byte>(1 + below(255)); }
  std::byte byte() { return static_cast<std::byte>(below(256)); }
  /// As many equal ones as one of these numbers says.
  Bytes bytes(std::initializer_list<std::size_t> sizes) {
    Bytes out(one_of(sizes));
    std::ranges::fill(out, byte());
    return out;
  }

 private:
  std::mt19937_64 engine_;
};

constexpr std::uint64_t kPlainBytes = 11;  // of a draft

Bytes bytes_of(std::uint64_t value) { return std::move(ByteWriter().put(value)).take(); }

/// Near `value`, or at an end of its range.
template <typename T>
T other_than(T value, Random& random) {
  return random.one_of<T>({static_cast<T>(value + 1), static_cast<T>(value - 1),
                           static_cast<T>(value + 8), T{0}, T{1}, static_cast<T>(~T{0})});
}

void change_bytes(Bytes& bytes, Random& random) {
  switch (random.below(3)) {
    case 0: {
      const Bytes more = random.bytes({1, 2, 8, 24});
      bytes.insert(bytes.end(), more.begin(), more.end());
      return;
    }
    case 1:
      return bytes.resize(bytes.size() - std::min(bytes.size(), random.below(9)));
    default:
      if (!bytes.empty()) random.one_of(bytes) ^= random.change();
  }
}

void change_header(Draft& draft, Random& random) {
  RawSection& section = random.one_of(draft.sections);
  switch (random.below(12)) {
    case 0:
      section.tag = static_cast<std::uint16_t>(random.below(12));
      break;
    case 1:
      section.flags = static_cast<std::uint16_t>(random.below(4));
      break;
    case 2:
      change_bytes(section.value, random);
      break;
    case 3:
      draft.without(section.tag);
      break;
    case 4:
      draft.with(RawSection(section));
      break;
    case 5:
      std::swap(section, random.one_of(draft.sections));
      break;
    case 6:
      draft.with({7, 0, bytes_of(other_than(kPlainBytes, random))});
      break;
    case 7: {
      const auto tag = static_cast<std::uint16_t>(9 + random.below(9));
      draft.with({tag, static_cast<std::uint16_t>(random.below(2)), Bytes(random.below(40))});
      break;
    }
    case 8: {
      const auto* const id = random.one_of({"org.example.xor", "org.test.xor", "org.nobody", ""});
      draft.with_stage(id, random.bytes({0, 1, 2}));
      break;
    }
    case 9:
      draft.with({8, 0,
                  random.one_of({from_hex("0100 6b 76"), from_hex("0100 ff"), from_hex("0300 6b"),
                                 from_hex("0000")})});
      break;
    case 10:
      draft.major = static_cast<std::uint16_t>(random.below(3));
      break;
    default:
      draft.minor = static_cast<std::uint16_t>(random.below(3));
  }
}

void change_record(DraftRecord& record, std::uint64_t place, std::size_t overhead, Random& random) {
  const auto size = static_cast<std::uint32_t>(record.data.size());
  switch (random.below(8)) {
    case 0:
      random.one_of(record.magic) ^= random.change();
      break;
    case 1:
      record.type = static_cast<std::uint8_t>(random.below(4));
      break;
    case 2:
      record.flags = static_cast<std::uint8_t>(random.below(3));
      break;
    case 3:
      record.skipped = static_cast<std::uint16_t>(random.below(5));
      break;
    case 4:
      record.plain_bytes = other_than(size, random);
      break;
    case 5:
      record.stored_bytes = other_than(static_cast<std::uint32_t>(size + overhead), random);
      break;
    case 6:
      record.sequence = other_than(place, random);
      break;
    default:
      change_bytes(record.data, random);
  }
}

void change_chunks(Draft& draft, Random& random) {
  const std::size_t at = random.below(draft.chunks.size());
  switch (random.below(6)) {
    case 0:
      draft.chunks.erase(draft.chunks.begin() + static_cast<std::ptrdiff_t>(at));
      break;
    case 1:
      draft.chunks.push_back(draft.chunks[at]);
      break;
    case 2:
      draft.chunks.push_back(index_of(draft));
      break;
    default:
      change_record(draft.chunks[at], at, draft.cipher == 0 ? 8 : 16, random);
  }
}

void change_index(Draft& draft, Random& random) {
  DraftRecord& index = draft.index.emplace(index_of(draft));
  switch (random.below(3)) {
    case 0:
      return change_record(index, draft.chunks.size(), draft.cipher == 0 ? 8 : 16, random);
    case 1: {
      // Not the content digest, which readers need not check.
      const auto tag = random.one_of<std::uint16_t>({0, 2, 3});
      const auto flags = static_cast<std::uint16_t>(random.below(2));
      return put_section(index.data, {tag, flags, random.bytes({0, 1, 33})});
    }
    default: {  // the count, the total, or an entry's sizes
      std::byte* const word = index.data.data() + random.below(index.data.size() / 8) * 8;
      store_le(word, other_than(load_le<std::uint64_t>(word), random));
    }
  }
}

/// What anybody can do who has no key.
void change_sealed(Sealed& sealed, Random& random) {
  switch (random.below(4)) {
    case 0: {
      std::byte* const word = sealed.bytes.data() + sealed.trailer + 8 * random.below(3);
      return store_le(word, other_than(load_le<std::uint64_t>(word), random));
    }
    case 1:
      return sealed.bytes.resize(random.below(sealed.bytes.size()));
    case 2: {
      const Bytes more = random.bytes({1, 8, 24, 100});
      sealed.bytes.insert(sealed.bytes.end(), more.begin(), more.end());
      return;
    }
    default:
      random.one_of(sealed.bytes) ^= random.change();
  }
}

Bytes mutated(Random& random, bool encrypted) {
  Draft draft = encrypted ? encrypted_draft() : plain_draft();
  if (random.below(2) == 0) {
    draft.with_stage("org.example.xor", from_hex("00"));
    random.one_of(draft.chunks).skipped = 1;
  }
  if (random.below(2) == 0)
    draft.with({7, 0, bytes_of(kPlainBytes)})
        .with({8, 0, from_hex("0100 6b 76")})
        .with({9, 0, Bytes(5)});
  const std::size_t kind = random.below(5);
  if (kind == 0) change_header(draft, random);
  if (kind == 1) change_chunks(draft, random);  // and the index lists what there is then
  if (kind == 2) change_index(draft, random);
  if (kind == 3) {
    draft.index = index_of(draft);
    draft.index->sequence = draft.chunks.size();
    change_chunks(draft, random);
  }
  Sealed sealed = seal(draft);
  if (kind == 4) change_sealed(sealed, random);
  return std::move(sealed.bytes);
}

/// The line of a manifest; manifest.tsv of the vectors explains the columns.
std::string judged(const std::string& name, const Bytes& container, bool encrypted,
                   const Runtime& runtime) {
  ListOf<Identity> identities;
  if (encrypted) identities.push_back(shared_vector_key());
  const RestoreOptions options{
      .identities = identities, .registry = vector_stages(), .runtime = runtime};
  std::istringstream stream{std::string(as_text(container))};
  // Not into memory, which is asked at once for all that a header promises.
  const Reading in_order = reading_of([&](Bytes& plain) {
    std::ostringstream restored;
    restore(Source::from(stream), Sink::to(restored), options);
    plain = from_text(restored.str());
  });
  const Reading indexed = reading_of(
      [&](Bytes& plain) { restore(Source::memory(container), Sink::memory(plain), options); });
  const Reading random = reading_of([&](Bytes& plain) {
    const Reader reader =
        Reader::open(Source::memory(container),
                     {.identities = identities, .registry = vector_stages(), .runtime = runtime});
    plain.resize(reader.size());
    for (std::size_t at = 0; at < plain.size(); ++at)
      reader.read_at(at, std::span(plain).subspan(at, 1));
  });
  if (random.result != indexed.result || (random.result == "ok" && random.plain != indexed.plain))
    throw std::runtime_error(name + ": Reader says " + random.result + ", restore() " +
                             indexed.result);
  if (in_order.result == "ok" && indexed.result == "ok" && in_order.plain != indexed.plain)
    throw std::runtime_error(name + ": restores to two things");
  std::string digest;
  for (const std::byte byte : sha256({in_order.result == "ok" ? in_order.plain : indexed.plain}))
    digest += fmt::format("{:02x}", static_cast<unsigned>(byte));
  return fmt::format("{}\t{}\t-\t{}\t{}\t{}\t-\n", name, encrypted ? "key:shared.key" : "-",
                     in_order.result, indexed.result, digest);
}

void write_all(const fs::path& folder, std::size_t count, std::uint64_t seed) {
  fs::create_directories(folder);
  write_file(folder / "shared.key", key_files().at("keys/shared.key"));
  std::ofstream manifest(folder / "manifest.tsv");
  Random random(seed);
  // Enough for the largest chunks that a header may speak of, whatever memory there is.
  const Runtime runtime({.worker_threads = 1, .memory_bytes = std::size_t{2} << 30});
  for (std::size_t i = 0; i < count; ++i) {
    const bool encrypted = i % 2 == 1;
    const Bytes container = mutated(random, encrypted);
    const std::string name = fmt::format("{:06}.adp", i);
    write_file(folder / name, container);
    manifest << judged(name, container, encrypted, runtime);
  }
  if (!manifest.flush()) throw std::runtime_error("cannot write the manifest");
}

}  // namespace
}  // namespace adapipe::testing

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: adapipe_mutated_containers DIR COUNT SEED\n", stderr);
    return 2;
  }
  try {
    adapipe::testing::write_all(argv[1], std::strtoull(argv[2], nullptr, 10),
                                std::strtoull(argv[3], nullptr, 10));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "adapipe_mutated_containers: %s\n", error.what());
    return 1;
  }
}
