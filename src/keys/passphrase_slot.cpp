#include "keys/passphrase_slot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "keys/slot_seal.hpp"
#include "util/bytes.hpp"

namespace adapipe::inline v0_1 {
namespace {

/// What readers accept: 8 times the work of the default, and 1 GiB.
constexpr std::uint64_t kMaxScryptWork = std::uint64_t{1} << 23;
constexpr std::uint64_t kMaxMemoryBytes = std::uint64_t{1} << 30;
constexpr std::uint32_t kMaxIterations = 10'000'000;
constexpr std::uint64_t kMaxArgon2idBytes = std::uint64_t{1} << 32;  // memory, once for each pass

template <typename... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <typename... F>
Overloaded(F...) -> Overloaded<F...>;  // clang 14 does not find it by itself

void expect(bool in_range, std::string_view what) {
  if (!in_range) throw Error(errc::corrupt, fmt::format("a key slot has {} out of range", what));
}

ScryptCost decode_scrypt(ByteReader& body) {
  ScryptCost cost;
  cost.log2_n = body.get<std::uint8_t>();
  cost.r = body.get<std::uint8_t>();
  cost.p = body.get<std::uint8_t>();
  expect(cost.log2_n >= 10 && cost.log2_n <= 22, "an scrypt N");
  expect(cost.r == 8, "an scrypt r");
  expect(cost.p >= 1 && cost.p <= 16, "an scrypt p");
  return cost;
}

Pbkdf2Cost decode_pbkdf2(ByteReader& body) {
  const Pbkdf2Cost cost{.iterations = body.get<std::uint32_t>()};
  expect(cost.iterations >= 1, "a PBKDF2 iteration count");
  return cost;
}

Argon2idCost decode_argon2id(ByteReader& body) {
  Argon2idCost cost;
  cost.memory_kib = body.get<std::uint32_t>();
  cost.passes = body.get<std::uint32_t>();
  cost.lanes = body.get<std::uint8_t>();
  expect(cost.lanes >= 1, "Argon2id lanes");
  expect(cost.passes >= 1, "Argon2id passes");
  expect(cost.memory_kib >= 8u * cost.lanes, "an Argon2id memory size");
  return cost;
}

bool is_within_limits(const ScryptCost& cost) noexcept {
  const std::uint64_t blocks = (std::uint64_t{1} << cost.log2_n) * cost.r;
  return blocks * cost.p <= kMaxScryptWork && 128 * blocks <= kMaxMemoryBytes;
}

bool is_within_limits(const Pbkdf2Cost& cost) noexcept { return cost.iterations <= kMaxIterations; }

bool is_within_limits(const Argon2idCost& cost) noexcept {
  const std::uint64_t memory_bytes = std::uint64_t{cost.memory_kib} * 1024;
  return memory_bytes <= kMaxMemoryBytes && memory_bytes * cost.passes <= kMaxArgon2idBytes;
}

}  // namespace

std::uint16_t slot_type(const KdfCost& cost) noexcept {
  static constexpr std::array kTypes{kSlotScrypt, kSlotPbkdf2, kSlotArgon2id};
  return kTypes[cost.index()];
}

std::vector<std::byte> encode_passphrase_parameters(const PassphraseParameters& parameters) {
  ByteWriter body;
  body.put(parameters.salt);
  std::visit(
      Overloaded{[&](const ScryptCost& c) { body.put(c.log2_n).put(c.r).put(c.p); },
                 [&](const Pbkdf2Cost& c) { body.put(c.iterations); },
                 [&](const Argon2idCost& c) { body.put(c.memory_kib).put(c.passes).put(c.lanes); }},
      parameters.cost);
  return std::move(body).take();
}

PassphraseParameters decode_passphrase_slot(const Slot& slot) {
  ByteReader body(slot.body, "a key slot");
  PassphraseParameters parameters;
  std::ranges::copy(body.get(parameters.salt.size()), parameters.salt.begin());
  if (slot.type == kSlotScrypt)
    parameters.cost = decode_scrypt(body);
  else if (slot.type == kSlotPbkdf2)
    parameters.cost = decode_pbkdf2(body);
  else
    parameters.cost = decode_argon2id(body);
  body.get(kWrappedBytes);
  body.expect_end();
  return parameters;
}

void check_work(const KdfCost& cost) {
  if (!std::visit([](const auto& c) { return is_within_limits(c); }, cost))
    throw Error(errc::limit_exceeded, "the passphrase slot asks for more work than readers accept");
  if (std::holds_alternative<Argon2idCost>(cost) && !has_argon2id())
    throw Error(errc::unsupported_version,
                "the passphrase is stretched with Argon2id, which this OpenSSL lacks");
}

void stretch(ByteSpan passphrase, const PassphraseParameters& parameters,
             std::span<std::byte, 32> secret) {
  const auto salted = [&](std::string_view label) {
    return std::move(ByteWriter().put(as_bytes(label)).put(parameters.salt)).take();
  };
  std::visit(Overloaded{[&](const ScryptCost& cost) {
                          scrypt(passphrase, salted("adapipe/1 scrypt"), cost, secret);
                        },
                        [&](const Pbkdf2Cost& cost) {
                          pbkdf2(passphrase, salted("adapipe/1 pbkdf2"), cost, secret);
                        },
                        [&](const Argon2idCost& cost) {
                          argon2id(passphrase, salted("adapipe/1 argon2id"), cost, secret);
                        }},
             parameters.cost);
}

}  // namespace adapipe::inline v0_1
