// Rekeying, held against restoring: who was added gets exactly what the old keys gave, and who was
// left out gets nothing.

#include <set>

#include "container/header.hpp"
#include "fuzz/support.hpp"
#include "support/key_providers.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

/// Of each kind that costs little.
struct NewKeys {
  SharedKey shared = shared_key(0x40);
  X25519Identity identity = X25519Identity::generate();
  std::shared_ptr<const KeyProvider> service =
      std::make_shared<MaskingProvider>("org.test.kms", std::uint8_t{0x33});
};

struct Change {
  RekeyOptions options{.identities = fuzz_identities()};
  std::vector<Identity> added{};
};

/// `u8`: bits 0 to 2 say which keys are added, bit 3 that all slots are removed, bits 4 and 5 how
/// many are removed by their positions, which follow, `u8` each.
Change take_change(ByteSpan& input) {
  static const NewKeys keys;
  Change change;
  if (input.empty()) return change;
  ByteReader reader(input, "the fuzzer's input");
  const auto add = [&](const auto& key) {
    change.options.add.push_back(key);
    change.added.emplace_back(key);
  };
  const unsigned bits = reader.get<std::uint8_t>();
  if (bits & 1) add(keys.shared);
  if (bits & 2) add(keys.identity);
  if (bits & 4) add(keys.service);
  change.options.remove_all = bits & 8;
  while (change.options.remove.size() < (bits >> 4) % 4 && !reader.rest().empty())
    change.options.remove.push_back(reader.get<std::uint8_t>());
  input = reader.rest();
  return change;
}

/// What rekey() refuses as invalid_argument.
bool can_be_made(const RekeyOptions& options, const Header& header) {
  if (header.integrity != Integrity::aead) return false;
  if (options.add.empty() && options.remove.empty() && !options.remove_all) return false;
  const std::size_t slots = header.slots.size();
  const std::set<std::size_t> removed(options.remove.begin(), options.remove.end());
  if (removed.size() != options.remove.size()) return false;
  if (!removed.empty() && (options.remove_all || *removed.rbegin() >= slots)) return false;
  const std::size_t left = (options.remove_all ? 0 : slots - removed.size()) + options.add.size();
  return left >= 1 && left <= layout::kMaxSlots;
}

Header header_of(const Bytes& container) {
  BytesSource source(container);
  PositionalSourceImpl& input = source;
  return read_header(read_full_from(input));
}

struct Restored {
  std::optional<errc> error{};
  Bytes plain{};
  friend bool operator==(const Restored&, const Restored&) = default;
};

Restored restored(const Bytes& container, const ListOf<Identity>& identities) {
  Restored out;
  out.error = refused({errc::truncated, errc::unsupported_version, errc::corrupt, errc::wrong_key,
                       errc::unknown_stage, errc::limit_exceeded, errc::resource_exhausted},
                      [&] {
                        restore(Source::memory(container), Sink::memory(out.plain),
                                {.identities = identities,
                                 .registry = fuzz_registry(),
                                 .runtime = Runtime::serial(),
                                 .max_plain_bytes = kMaxPlainBytes});
                      });
  return out;
}

void check_slots(const Header& before, const Header& after, const RekeyOptions& options) {
  std::size_t next = 0;
  for (std::size_t slot = 0; slot < before.slots.size(); ++slot) {
    if (options.remove_all || std::ranges::count(options.remove, slot) > 0) continue;
    require(next < after.slots.size() && after.slots[next].type == before.slots[slot].type &&
                after.slots[next].body == before.slots[slot].body,
            "the slots that stay are as they were");
    ++next;
  }
  require(after.slots.size() == next + options.add.size(), "the new slots stand behind them");
}

void check_made(const Bytes& container, const Bytes& made, const Change& change) {
  const Header before = header_of(container);
  const Header after = header_of(made);
  require(can_be_made(change.options, before), "only a change that can be made is made");
  check_slots(before, after, change.options);
  const Restored expected = restored(container, fuzz_identities());
  for (const Identity& key : change.added)
    require(restored(made, {key}) == expected, "a new key gives what the old ones gave");
  const Restored by_old = restored(made, fuzz_identities());
  require(by_old == expected || by_old.error == errc::wrong_key,
          "old keys give the same or nothing");
  if (change.options.remove_all)
    require(by_old.error == errc::wrong_key, "who was left out gets nothing");
}

}  // namespace

/// What take_change() takes, then what container_from() takes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteSpan input = std::as_bytes(std::span(data, size));
  const Change change = take_change(input);
  const Bytes container = container_from(input);
  Bytes made;
  Report report;
  const auto error = refused(
      {errc::not_a_container, errc::truncated, errc::unsupported_version, errc::corrupt,
       errc::wrong_key, errc::invalid_argument},
      [&] { report = rekey(Source::memory(container), Sink::memory(made), change.options); });
  if (error) {
    require(made.empty(), "nothing is left of what failed");
    require(error != errc::invalid_argument || !can_be_made(change.options, header_of(container)),
            "a change that can be made is made");
    return 0;
  }
  require(report.output_bytes == made.size(), "the report tells what was written");
  check_made(container, made, change);
  return 0;
}
