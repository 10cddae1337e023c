#include "soak/trial.hpp"

#include <adapipe/adapipe.hpp>
#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "soak/endpoints.hpp"
#include "support/endpoints.hpp"
#include "support/fixed_random.hpp"
#include "support/key_providers.hpp"
#include "support/round_trip.hpp"
#include "support/stages.hpp"
#include "support/temp_dir.hpp"

namespace adapipe::testing {

namespace {

constexpr std::size_t kMostHeaderBytes = 2048;  // of the containers made here
constexpr int kRangesToRead = 8;

void require(bool holds, const std::string& otherwise) {
  if (!holds) throw Mismatch(otherwise);
}

bool begins_with(const Bytes& whole, const Bytes& part) {
  return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin());
}

/// Requests a stop after a while, unless it is destroyed before.
class LateStop {
 public:
  LateStop(std::stop_source stop, std::chrono::microseconds after)
      : thread_([stop = std::move(stop), after](const std::stop_token& gone) mutable {
          std::mutex mutex;
          std::condition_variable_any never;
          std::unique_lock lock(mutex);
          never.wait_for(lock, gone, after, [] { return false; });
          if (!gone.stop_requested()) stop.request_stop();
        }) {}

 private:
  std::jthread thread_;
};

class Trial {
 public:
  Trial(const Plan& plan, const Runtime& runtime, std::atomic<const char*>& phase)
      : plan_(plan),
        runtime_(runtime),
        phase_(phase),
        salt_(static_cast<std::uint32_t>(plan.seed * 31 + plan.number)),
        plain_(plan.compressible ? compressible_bytes(plan.plain_bytes, salt_)
                                 : random_bytes(plan.plain_bytes, salt_)),
        fault_(plan.fault, plan.fault_at),
        sink_(plan, dir_.path(), fault_) {}

  TrialResult run() {
    phase_ = "makes the container it expects";
    make_sealed();
    const Bytes& input = plan_.work == Work::process ? plain_ : sealed_;
    TrialSource source(plan_, input, dir_.path(), fault_);
    phase_ = "works";
    const TrialResult result = work(source);
    phase_ = "compares";
    check_sink(result.ending);
    return result;
  }

 private:
  // The parts: `on_trial` ones carry the planned fault, the others are for what is compared with.

  std::shared_ptr<const Stage> own_stage(bool on_trial) {
    return make_stage("soak.step",
                      [this, on_trial](const ChunkInfo& chunk, auto in, auto& out) {
                        if (on_trial) fault_.pass(FaultPlace::stage);
                        if (chunk.index % 3 == 1) return Outcome::unchanged;
                        return xor_bytes(in, out, std::byte{0x5A});
                      },
                      {.max_concurrency = plan_.stage_limit});
  }

  std::shared_ptr<const KeyProvider> provider(bool on_trial) {
    const auto service = std::make_shared<MaskingProvider>("callable", std::uint8_t{0x3C});
    const auto before = [this, on_trial](const std::stop_token& stop) {
      if (!on_trial) return;
      fault_.pass(FaultPlace::provider);
      if (plan_.provider_waits) wait_until_stopped(stop);
    };
    return std::make_shared<CallableProvider>(
        [=](auto key, const auto& stop) {
          before(stop);
          return service->wrap(key, stop);
        },
        [=](auto blob, const auto& stop) {
          before(stop);
          return service->unwrap(blob, stop);
        });
  }

  template <typename T>
  T key_as(bool on_trial) {
    if (plan_.key == KeyKind::provider) return provider(on_trial);
    if (plan_.key == KeyKind::x25519) return x25519_;
    return shared_key_;
  }

  Pipeline pipeline(bool on_trial) {
    Pipeline::Builder builder;
    if (plan_.own_stage) builder.add(own_stage(on_trial));
    if (plan_.zstd_level != 0) builder.add(zstd({.level = plan_.zstd_level}));
    const CipherOptions cipher{.recipients = {key_as<Recipient>(on_trial), spare_key_}};
    if (plan_.cipher == CipherKind::aes_256_gcm) builder.add(aes_256_gcm(cipher));
    if (plan_.cipher == CipherKind::chacha20_poly1305) builder.add(chacha20_poly1305(cipher));
    return builder.chunk_size(ChunkSize::from_bytes(plan_.chunk_bytes))
        .runtime(on_trial ? runtime_ : Runtime::serial())
        .build();
  }

  StageRegistry registry(bool on_trial) { return registry_of({own_stage(on_trial)}); }

  ListOf<Identity> identities() {
    ListOf<Identity> list;
    if (plan_.cipher != CipherKind::none) list.push_back(key_as<Identity>(true));
    return list;
  }

  std::function<void(const Progress&)> on_progress() {
    return [this](const Progress&) { fault_.pass(FaultPlace::progress); };
  }

  RestoreOptions restore_options() {
    return {.identities = identities(),
            .stop = stop_.get_token(),
            .on_progress = on_progress(),
            .registry = registry(true),
            .runtime = runtime_,
            .max_in_flight = plan_.max_in_flight};
  }

  void make_sealed() {
    SeededRandom random(salt_);
    // A stream does not know its size, and the header tells.
    const bool sized = plan_.source != SourceType::stream && plan_.source != SourceType::pipe;
    Source source = sized ? Source::memory(plain_)
                          : Source(std::make_unique<HookedStream>(plain_, BeforeCall()));
    sealed_ = process_with_keys_of(random, pipeline(false), std::move(source));
    if (plan_.damaged && sealed_.size() > 2 * kMostHeaderBytes)
      sealed_[kMostHeaderBytes + salt_ % (sealed_.size() - kMostHeaderBytes)] ^= std::byte{0x10};
  }

  // The work.

  TrialResult work(TrialSource& source) {
    std::optional<Error> error;
    try {
      if (plan_.starts_operation()) {
        if (!run_operation(source)) return {Ending::destroyed, fault_.fired()};
      } else {
        run_call(source);
      }
    } catch (const Error& thrown) {
      error = thrown;
    }
    return {judge(error), fault_.fired()};
  }

  /// false if it was destroyed.
  bool run_operation(TrialSource& source) {
    std::optional<LateStop> late;
    if (plan_.stop == StopWay::token) late.emplace(stop_, plan_.stop_after);
    SeededRandom random(salt_);
    Operation operation = start(source, random);
    if (plan_.stop == StopWay::cancel || plan_.stop == StopWay::destroy)
      operation.wait_for(plan_.stop_after);
    if (plan_.stop == StopWay::destroy) return false;
    if (plan_.stop == StopWay::cancel) operation.cancel();
    const Report report = operation.get();
    require(report.peak_buffer_bytes <= runtime_.memory_bytes(), "it held more than the budget");
    if (plan_.work != Work::verify) return true;
    require(report.output_bytes == plain_.size(), "verify counts wrongly");
    return true;
  }

  Operation start(TrialSource& source, RandomSource& random) {
    if (plan_.work == Work::verify) return start_verify(source.get(), restore_options());
    if (plan_.work == Work::restore)
      return start_restore(source.get(), sink_.get(), restore_options());
    return start_with_keys_of(random, pipeline(true), source.get(), sink_.get(),
                              {.stop = stop_.get_token(),
                               .on_progress = on_progress(),
                               .max_in_flight = plan_.max_in_flight});
  }

  void run_call(TrialSource& source) {
    std::optional<LateStop> late;
    if (plan_.stop == StopWay::token) late.emplace(stop_, plan_.stop_after);
    if (plan_.work == Work::read)
      read_ranges(source);
    else if (plan_.work == Work::salvage)
      salvaged_ = salvage(source.get(), sink_.get(), restore_options());
    else
      rekey(source.get(), sink_.get(),
            {.identities = identities(),
             .add = {added_key_},
             .remove_all = plan_.number % 2 == 0,
             .stop = stop_.get_token(),
             .on_progress = on_progress()});
  }

  void read_ranges(TrialSource& source) {
    const Reader reader = Reader::open(source.get(), {.identities = identities(),
                                                      .cache_bytes = plan_.chunk_bytes * 3,
                                                      .registry = registry(true),
                                                      .stop = stop_.get_token(),
                                                      .runtime = runtime_});
    require(reader.size() == plain_.size(), "the reader has a wrong size");
    std::uint64_t dice = salt_;
    for (int i = 0; i < kRangesToRead; ++i) {
      dice = dice * 6364136223846793005u + 1442695040888963407u;
      const std::size_t offset = (dice >> 33) % (plain_.size() + 2);
      Bytes range((dice >> 20) % (2 * plan_.chunk_bytes));
      range.resize(reader.read_at(offset, range));
      const std::size_t begin = std::min(offset, plain_.size());
      require(std::equal(range.begin(), range.end(), plain_.begin() + std::ptrdiff_t(begin)),
              "a range reads wrongly");
    }
  }

  // The judgement.

  Ending judge(const std::optional<Error>& error) const {
    const bool chunk_may_be_lost = plan_.work == Work::salvage && plan_.fault == FaultPlace::stage;
    if (!error) {
      require(!fault_.fired() || chunk_may_be_lost, "it succeeded in spite of the fault");
      return Ending::succeeded;
    }
    const std::string told = std::string("it failed with: ") + error->what();
    if (error->kind() == errc::cancelled) {
      require(plan_.stop != StopWay::none, told);
      return Ending::cancelled;
    }
    if (plan_.work == Work::salvage && error->kind() == errc::resource_exhausted)
      return Ending::refused;
    if (plan_.work == Work::salvage && error->kind() == errc::corrupt) {
      require(plan_.damaged || (chunk_may_be_lost && fault_.fired()), told);
      return Ending::failed;
    }
    const bool in_stage = plan_.fault == FaultPlace::stage;
    require(fault_.fired(), told);
    require(error->kind() == (in_stage ? errc::stage_failed : errc::io_error), told);
    require(told.find(PlannedFault().what()) != std::string::npos, told);
    return Ending::failed;
  }

  void check_sink(Ending ending) {
    const SinkHistory& history = sink_.history();
    require(history.wrong_calls == 0, "the sink was called when it must not be");
    require(!sink_.has_left_files(), "a temporary file is left");
    require(history.opened == history.commits + history.failed_commits + history.abandons,
            "the sink was not told its end exactly once");
    if (plan_.work == Work::verify || plan_.work == Work::read) return;
    const bool committed = history.commits == 1;
    if (ending != Ending::destroyed)
      require(committed == (ending == Ending::succeeded), "the sink was told a wrong end");
    if (!committed) require(sink_.is_undone(), "the destination was not left as it was");
    const bool may_be_partial = plan_.sink == SinkType::stream || plan_.sink == SinkType::pipe;
    if (committed || may_be_partial) check_content(sink_.content(), committed);
  }

  void check_content(const Bytes& content, bool complete) {
    if (plan_.work == Work::rekey) {
      if (complete) check_rekeyed(content);
    } else if (plan_.work == Work::salvage) {
      if (complete) check_salvaged(content);
    } else {
      const Bytes& expected = plan_.work == Work::process ? sealed_ : plain_;
      require(complete ? content == expected : begins_with(expected, content),
              "the output differs from the serial one");
    }
  }

  void check_rekeyed(const Bytes& content) {
    Bytes back;
    restore(
        Source::memory(content), Sink::memory(back),
        {.identities = {added_key_}, .registry = registry(false), .runtime = Runtime::serial()});
    require(back == plain_, "the rekeyed container restores to something else");
  }

  void check_salvaged(const Bytes& content) {
    const bool sound = !plan_.damaged && !fault_.fired();
    require(!sound || salvaged_.is_complete(), "salvage lost something of a sound container");
    require(content.size() <= plain_.size() &&
                (!salvaged_.end_known || content.size() == plain_.size()),
            "salvage has a wrong size");
    Bytes expected(plain_.begin(), plain_.begin() + static_cast<std::ptrdiff_t>(content.size()));
    for (const LostRange& lost : salvaged_.lost)
      std::fill_n(expected.begin() + static_cast<std::ptrdiff_t>(lost.offset_bytes),
                  lost.length_bytes, std::byte{});
    require(content == expected, "salvage gave wrong bytes");
  }

  const Plan& plan_;
  const Runtime& runtime_;
  std::atomic<const char*>& phase_;
  const std::uint32_t salt_;
  const TempDir dir_;
  const SharedKey shared_key_ = SharedKey::generate();
  const SharedKey spare_key_ = SharedKey::generate();
  const SharedKey added_key_ = SharedKey::generate();
  const X25519Identity x25519_ = X25519Identity::generate();
  const Bytes plain_;
  Bytes sealed_;
  Fault fault_;
  std::stop_source stop_;
  TrialSink sink_;
  SalvageReport salvaged_;
};

}  // namespace

TrialResult run_trial(const Plan& plan, const Runtime& runtime, std::atomic<const char*>& phase) {
  return Trial(plan, runtime, phase).run();
}

}  // namespace adapipe::testing
