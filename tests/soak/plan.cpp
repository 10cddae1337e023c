#include "soak/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <random>

namespace adapipe::testing {

namespace {

/// Draws the same everywhere, which the distributions of <random> do not promise.
class Dice {
 public:
  Dice(std::uint64_t seed, std::uint64_t number) {
    std::seed_seq mixed{seed, seed >> 32, number, number >> 32};
    engine_.seed(mixed);
  }
  std::size_t below(std::size_t end) { return static_cast<std::size_t>(engine_() % end); }
  bool one_in(std::size_t n) { return below(n) == 0; }
  /// As likely below 10 as between 10 and 100, and so on.
  std::size_t spread(std::size_t most) {
    std::size_t end = 2;
    while (end < most && !one_in(20)) end *= 2;
    return below(std::min(end, most + 1));
  }
  template <typename T>
  T one_of(std::initializer_list<T> items) {
    return items.begin()[below(items.size())];
  }

 private:
  std::mt19937_64 engine_;
};

constexpr std::size_t kMostBytes = 3 * 1024 * 1024;

std::size_t choose_size(Dice& dice, std::size_t chunk_bytes) {
  if (dice.one_in(2)) return dice.spread(kMostBytes);
  // Around a whole number of chunks.
  const std::size_t whole = dice.below(kMostBytes / chunk_bytes + 1) * chunk_bytes;
  return whole == 0 ? dice.below(2) : whole - 1 + dice.below(3);
}

SourceType choose_source(Dice& dice, Work work) {
  const bool positional = work == Work::read || work == Work::rekey || work == Work::salvage;
  return static_cast<SourceType>(dice.below(positional ? 4 : 6));
}

void choose_fault(Dice& dice, Plan& plan) {
  plan.fault = static_cast<FaultPlace>(1 + dice.below(kFaultPlaces - 1));
  // The header is read in one or two calls; beyond that, one call per chunk more or less.
  plan.fault_at = dice.below(plan.plain_bytes / plan.chunk_bytes + 4);
  switch (plan.fault) {
    case FaultPlace::stage:
      plan.own_stage = true;
      break;
    case FaultPlace::commit:
    case FaultPlace::progress:
      plan.fault_at = 0;
      break;
    case FaultPlace::provider:
      plan.key = KeyKind::provider;
      plan.fault_at = 0;
      if (plan.cipher == CipherKind::none) plan.cipher = CipherKind::aes_256_gcm;
      break;
    default:
      break;
  }
}

void choose_stop(Dice& dice, Plan& plan) {
  plan.stop = static_cast<StopWay>(1 + dice.below(plan.starts_operation() ? 3 : 1));
  plan.stop_after = std::chrono::microseconds(dice.spread(30'000));
  plan.provider_waits = plan.cipher != CipherKind::none && dice.one_in(8);
  if (plan.provider_waits) plan.key = KeyKind::provider;
  plan.pipes_stall = dice.one_in(2);
  if (!plan.pipes_stall) return;
  if (plan.starts_operation() && dice.one_in(2))
    plan.source = SourceType::pipe;
  else
    plan.sink = SinkType::pipe;
}

template <typename Enum, std::size_t N>
const char* name_in(const std::array<const char*, N>& names, Enum value) {
  return names.at(static_cast<std::size_t>(value));
}

}  // namespace

Plan make_plan(std::uint64_t seed, std::uint64_t number) {
  Dice dice(seed, number);
  Plan plan;
  plan.seed = seed;
  plan.number = number;
  plan.work = static_cast<Work>(dice.below(kWorks));
  plan.chunk_bytes = std::size_t{4096} << dice.below(8);
  if (dice.one_in(4)) plan.chunk_bytes += dice.below(4096);
  plan.plain_bytes = choose_size(dice, plan.chunk_bytes);
  plan.compressible = dice.one_in(2);
  plan.zstd_level = dice.one_of({0, 0, -5, 1, 3, 6});
  plan.own_stage = dice.one_in(3);
  plan.stage_limit = dice.below(3);
  plan.cipher =
      static_cast<CipherKind>(plan.work == Work::rekey ? 1 + dice.below(2) : dice.below(3));
  plan.key = static_cast<KeyKind>(dice.below(3));
  plan.max_in_flight = dice.one_in(3) ? 1 + dice.below(8) : 0;
  plan.source = choose_source(dice, plan.work);
  plan.source_waits = dice.one_in(3);
  plan.short_reads = dice.one_in(3);
  plan.sink = static_cast<SinkType>(dice.below(5));
  plan.sink_waits = dice.one_in(3);
  plan.damaged = plan.work == Work::salvage && dice.one_in(2);
  if (dice.one_in(4)) choose_fault(dice, plan);
  if (dice.one_in(4)) choose_stop(dice, plan);
  return plan;
}

const char* name_of(Work work) {
  static constexpr std::array kNames{"process", "restore", "verify", "read", "rekey", "salvage"};
  return name_in(kNames, work);
}

const char* name_of(FaultPlace place) {
  static constexpr std::array kNames{"none",   "source",   "stage",   "sink",
                                     "commit", "provider", "progress"};
  return name_in(kNames, place);
}

const char* name_of(StopWay way) {
  static constexpr std::array kNames{"none", "stop_token", "cancel()", "destruction"};
  return name_in(kNames, way);
}

std::string describe(const Plan& plan) {
  static constexpr std::array kCiphers{"no cipher", "AES-256-GCM", "ChaCha20-Poly1305"};
  static constexpr std::array kKeys{", shared key", ", X25519", ", provider"};
  static constexpr std::array kSources{"memory", "owned", "file", "slice", "stream", "pipe"};
  static constexpr std::array kSinks{"memory", "file", "old file", "stream", "pipe"};
  std::string text = fmt::format(
      "trial {} of seed {}: {} {} {}bytes in chunks of {}, zstd {}, {}{}{}, in flight {}, "
      "{}{}{} -> {}{}",
      plan.number, plan.seed, name_of(plan.work), plan.plain_bytes,
      plan.compressible ? "compressible " : "", plan.chunk_bytes, plan.zstd_level,
      plan.own_stage ? fmt::format("own stage ({} threads), ", plan.stage_limit) : "",
      name_in(kCiphers, plan.cipher),
      plan.cipher == CipherKind::none ? "" : name_in(kKeys, plan.key), plan.max_in_flight,
      name_in(kSources, plan.source), plan.source_waits ? " that may wait" : "",
      plan.short_reads ? " with short reads" : "", name_in(kSinks, plan.sink),
      plan.sink_waits ? " that may wait" : "");
  if (plan.damaged) text += ", damaged";
  if (plan.fault != FaultPlace::none)
    text += fmt::format(", {} fails at call {}", name_of(plan.fault), plan.fault_at);
  if (plan.provider_waits) text += ", provider waits";
  if (plan.pipes_stall) text += ", pipes stall";
  if (plan.stop != StopWay::none)
    text += fmt::format(", {} after {} us", name_of(plan.stop), plan.stop_after.count());
  return text;
}

}  // namespace adapipe::testing
