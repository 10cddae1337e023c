#include "keys/provider_slot.hpp"

#include <adapipe/error.hpp>
#include <functional>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>

#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/fixed_random.hpp"
#include "support/key_providers.hpp"
#include "support/thrown.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

using ProviderPtr = std::shared_ptr<const KeyProvider>;

const Bytes kFileKeyBytes = random_bytes(32, 1);
const Bytes kSaltBytes = random_bytes(32, 2);

ProviderPtr masking(std::string name, std::uint8_t mask = 7) {
  return std::make_shared<MaskingProvider>(std::move(name), mask);
}

Slot wrap(const ProviderPtr& provider, const std::stop_token& stop = {}) {
  FixedRandom random;
  return Recipient(provider).impl().wrap(FileKey(std::span<const std::byte, 32>(kFileKeyBytes)),
                                         FileSalt(kSaltBytes), random, stop);
}

bool opens(const ProviderPtr& provider, const Slot& slot, const std::stop_token& stop = {}) {
  const auto key = Identity(provider).impl().unwrap(slot, FileSalt(kSaltBytes), stop);
  return key && std::ranges::equal(key->bytes(), kFileKeyBytes);
}

}  // namespace

TEST_CASE("a provider's slot holds its name and its blob as the format says") {
  const ProviderPtr provider = std::make_shared<CallableProvider>(
      [](auto, const auto&) { return from_hex("0a0b0c"); }, nullptr);
  const Slot slot = wrap(provider);
  CHECK(slot.type == 32768);
  CHECK(slot.body == from_hex("08 63616c6c61626c65 0300 0a0b0c"));
}

TEST_CASE("a provider opens its own slots, of any provider type, and is not asked about others") {
  const Slot slot = wrap(masking("kms"));
  CHECK(opens(masking("kms"), slot));
  CHECK(opens(masking("kms"), {.type = 65535, .body = slot.body}));
  CHECK_FALSE(opens(masking("kms"), {.type = 32767, .body = slot.body}));
  CHECK_FALSE(opens(masking("kms", 8), slot));  // asked, says no
  const ProviderPtr never_asked = std::make_shared<CallableProvider>(
      nullptr, [](auto, const auto&) -> std::optional<SharedKey> {
        throw std::logic_error("asked about the slot of another provider");
      });
  CHECK_FALSE(opens(never_asked, slot));
  CHECK_FALSE(opens(never_asked, {.type = kSlotSharedKey, .body = Bytes(96)}));
}

TEST_CASE("names and blobs are as long as a slot holds") {
  CHECK(wrap(masking(std::string(255, 'n'))).body.size() == 1 + 255 + 2 + 33);
  for (const std::string& name : {std::string(), std::string(256, 'n')}) {
    CHECK(thrown_kind([&] { Recipient{masking(name)}; }) == errc::invalid_argument);
    CHECK(thrown_kind([&] { Identity{masking(name)}; }) == errc::invalid_argument);
  }
  CHECK(thrown_kind([] { Recipient{ProviderPtr()}; }) == errc::invalid_argument);
  CHECK(thrown_kind([] { Identity{ProviderPtr()}; }) == errc::invalid_argument);

  const auto of_size = [](std::size_t size) {
    return std::make_shared<CallableProvider>([size](auto, const auto&) { return Bytes(size); },
                                              nullptr);
  };
  CHECK(wrap(of_size(65'535)).body.size() == 1 + 8 + 2 + 65'535);
  CHECK(wrap(of_size(0)).body.size() == 1 + 8 + 2);
  CHECK(thrown_kind([&] { wrap(of_size(65'536)); }) == errc::limit_exceeded);
}

TEST_CASE("what a key service throws is an error that names it, and no wrong key") {
  const auto outage = std::make_shared<CallableProvider>(
      [](auto, const auto&) -> Bytes { throw std::runtime_error("the network is down"); },
      [](auto, const auto&) -> std::optional<SharedKey> { throw 42; });
  const Error wrapping = thrown_by([&] { wrap(outage); });
  CHECK(wrapping.kind() == errc::io_error);
  CHECK(std::string(wrapping.what()) == "the key provider callable failed: the network is down");
  const Slot slot = encode_provider_slot({.name = "callable", .blob = {}});
  CHECK(thrown_kind([&] { opens(outage, slot); }) == errc::io_error);

  const auto own_error = std::make_shared<CallableProvider>(
      nullptr, [](auto, const auto&) -> std::optional<SharedKey> {
        throw Error(errc::resource_exhausted, "quota");
      });
  CHECK(thrown_kind([&] { opens(own_error, slot); }) == errc::resource_exhausted);

  const auto without_memory = std::make_shared<CallableProvider>(
      [](auto, const auto&) -> Bytes { throw std::bad_alloc(); },
      [](auto, const auto&) -> std::optional<SharedKey> { throw std::bad_alloc(); });
  for (const Error& error : {thrown_by([&] { wrap(without_memory); }),
                             thrown_by([&] { opens(without_memory, slot); })}) {
    CHECK(error.kind() == errc::resource_exhausted);
    CHECK(std::string(error.what()) == "the key provider callable failed: out of memory");
  }
}

TEST_CASE("a key service that is stopped ends as cancelled, whatever it answers") {
  std::stop_source stop;
  const auto gives_up = std::make_shared<CallableProvider>(
      [&](auto, const std::stop_token&) {
        stop.request_stop();
        return Bytes();
      },
      [&](auto, const std::stop_token&) {
        stop.request_stop();
        return std::optional<SharedKey>();
      });
  CHECK(thrown_kind([&] { wrap(gives_up, stop.get_token()); }) == errc::cancelled);
  const Slot slot = encode_provider_slot({.name = "callable", .blob = {}});
  stop = {};
  CHECK(thrown_kind([&] { opens(gives_up, slot, stop.get_token()); }) == errc::cancelled);
}

TEST_CASE("a key service that is stopped ends as cancelled, whatever it throws") {
  const std::function<void()> throwers[] = {[] { throw std::runtime_error("interrupted"); },
                                            [] { throw Error(errc::io_error, "interrupted"); },
                                            [] { throw std::bad_alloc(); }, [] { throw 42; }};
  std::stop_source stop;
  for (const auto& throws : throwers) {
    stop = {};
    const auto stops = std::make_shared<CallableProvider>(
        [&](auto, const auto& token) -> Bytes {
          stop.request_stop();
          CHECK(token.stop_requested());
          throws();
          return {};
        },
        nullptr);
    CHECK(thrown_kind([&] { wrap(stops, stop.get_token()); }) == errc::cancelled);
  }
  bool is_asked = false;
  const auto never_asked = std::make_shared<CallableProvider>(
      [&](auto, const auto&) {
        is_asked = true;
        return Bytes();
      },
      nullptr);
  CHECK(thrown_kind([&] { wrap(never_asked, stop.get_token()); }) == errc::cancelled);
  CHECK_FALSE(is_asked);
}
