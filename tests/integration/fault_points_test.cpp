// Every kind of fault, at every call, in every position, of every operation, on every runtime.

#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <cstdio>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "graph/runtime_impl.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoints.hpp"
#include "support/key_providers.hpp"
#include "support/round_trip.hpp"
#include "support/stages.hpp"
#include "support/watchdog.hpp"

namespace adapipe {

using namespace testing;

namespace {

constexpr std::size_t kChunk = 4096;
constexpr std::size_t kChunks = 12;

enum class Kind { exception, error, stranger, no_memory, blocks };
struct NamedKind {
  Kind kind;
  const char* name;
  const char* says;
};
const NamedKind kKinds[] = {
    {Kind::exception, "throws an exception", "out of luck"},
    {Kind::error, "throws an Error", "too much of it"},
    {Kind::stranger, "throws an int", ""},
    {Kind::no_memory, "has no memory", "out of memory"},
    {Kind::blocks, "blocks until cancelled", "cancelled"},
};

enum class Place {
  source,
  waiting_source,
  stream,
  stage,
  sink,
  stream_sink,
  commit,
  progress,
  key
};
struct NamedPlace {
  Place place;
  const char* name;
  std::optional<std::string> path;  ///< what an error of it names
};
const NamedPlace kPlaces[] = {
    {Place::source, "source read in place", "hooked source"},
    {Place::waiting_source, "source read on an I/O thread", "hooked source"},
    {Place::stream, "stream", "hooked stream"},
    {Place::stage, "stage", "hooked source"},
    {Place::sink, "sink written in any order", "output stream"},
    {Place::stream_sink, "sink written in order", "output stream"},
    {Place::commit, "commit", "output stream"},
    {Place::progress, "progress callback", std::nullopt},
    {Place::key, "key provider", std::nullopt},
};

enum class Deed { process, restore, verify, read_ranges };
struct NamedDeed {
  Deed deed;
  const char* name;
  bool in_background;
};
const NamedDeed kDeeds[] = {
    {Deed::process, "process", false},         {Deed::process, "start processing", true},
    {Deed::restore, "restore", false},         {Deed::restore, "start restoring", true},
    {Deed::verify, "verify", false},           {Deed::verify, "start verifying", true},
    {Deed::read_ranges, "read ranges", false},
};

bool can_be(Place place, Deed deed) {
  switch (place) {
    case Place::sink:
    case Place::stream_sink:
    case Place::commit:
      return deed == Deed::process || deed == Deed::restore;
    case Place::waiting_source:
    case Place::stream:
    case Place::progress:
      return deed != Deed::read_ranges;
    default:
      return true;
  }
}

/// Whether a cancellation can end a call that blocks there.
bool can_block(Place place, Deed deed) {
  return place != Place::commit && (deed != Deed::read_ranges || place == Place::key);
}

/// What goes wrong, at which call.
class Fault {
 public:
  Fault(Kind kind, std::size_t at) : kind_(kind), at_(at) {}

  /// To be called at every call in the place where the fault is.
  void strike(std::size_t call) {
    if (call != at_) return;
    has_struck_ = true;
    ++inside_;
    if (kind_ == Kind::blocks) door_.wait();
    --inside_;
    switch (kind_) {
      case Kind::exception:
        throw std::runtime_error("out of luck");
      case Kind::error:
        throw Error(errc::limit_exceeded, "too much of it");
      case Kind::stranger:
        throw 42;
      case Kind::no_memory:
        throw std::bad_alloc();
      case Kind::blocks:
        break;
    }
  }
  BeforeCall before_call() {
    return [this](std::size_t call) { strike(call); };
  }

  Door& door() noexcept { return door_; }
  bool has_struck() const noexcept { return has_struck_; }
  int inside() const noexcept { return inside_; }

 private:
  const Kind kind_;
  const std::size_t at_;
  Door door_;
  std::atomic<bool> has_struck_{false};
  std::atomic<int> inside_{0};
};

/// One operation with one fault.
class Attempt {
 public:
  Attempt(const Runtime& runtime, Place place, Fault& fault)
      : runtime_(runtime), place_(place), fault_(fault) {}

  /// Throws what the operation throws.
  void run(const NamedDeed& what, const Bytes& input) {
    const std::jthread canceller([this] {
      fault_.door().until_someone_waits();
      stop_.request_stop();
      fault_.door().open();
    });
    try {
      do_it(what, input);
    } catch (...) {
      fault_.door().open();
      throw;
    }
    fault_.door().open();
  }

  /// A container that can be opened by what restore() is given.
  static Bytes container_of(const Bytes& plain) {
    Bytes sealed;
    Fault none(Kind::exception, SIZE_MAX);
    Attempt(Runtime::serial(), Place::stage, none)
        .pipeline()
        .process(Source::memory(plain), Sink::memory(sealed));
    return sealed;
  }

  SinkFate fate;
  int sinks_opened = 0;

 private:
  void do_it(const NamedDeed& what, const Bytes& input) {
    const auto either = [&what](auto&& run, auto&& start) {
      if (what.in_background)
        start().get();
      else
        run();
    };
    const ProcessOptions process_options{.stop = stop_.get_token(), .on_progress = progress()};
    const Pipeline made = pipeline();
    switch (what.deed) {
      case Deed::process:
        return either([&] { made.process(source(input), sink(), process_options); },
                      [&] { return made.start(source(input), sink(), process_options); });
      case Deed::restore:
        return either([&] { restore(source(input), sink(), restore_options()); },
                      [&] { return start_restore(source(input), sink(), restore_options()); });
      case Deed::verify:
        return either([&] { verify(source(input), restore_options()); },
                      [&] { return start_verify(source(input), restore_options()); });
      case Deed::read_ranges:
        return read_ranges(input);
    }
  }

  void read_ranges(const Bytes& input) {
    const Reader reader = Reader::open(source(input), {.identities = {provider()},
                                                       .cache_bytes = 0,
                                                       .registry = registry_of({stage()}),
                                                       .stop = stop_.get_token()});
    Bytes range(2 * kChunk);
    for (std::size_t chunk = 0; chunk < kChunks; ++chunk)
      reader.read_at(chunk * kChunk + 1, std::span(range).first(kChunk / 2));
    reader.read_at(kChunk - 1, range);
  }

  BeforeCall hook(Place place) { return place == place_ ? fault_.before_call() : BeforeCall(); }
  std::function<void()> open_door() {
    return [this] { fault_.door().open(); };
  }

  Source source(const Bytes& bytes) {
    if (place_ == Place::stream)
      return Source(std::make_unique<HookedStream>(bytes, hook(Place::stream), open_door()));
    const bool waits = place_ == Place::waiting_source;
    return Source(std::make_unique<HookedSource>(
        bytes, waits, hook(waits ? Place::waiting_source : Place::source), open_door()));
  }

  Sink sink() {
    return Sink(Sink::Opener([this](const SinkHints&) -> std::unique_ptr<SinkImpl> {
      ++sinks_opened;
      if (place_ == Place::stream_sink)
        return std::make_unique<HookedStreamSink>(fate, hook(Place::stream_sink), open_door());
      return std::make_unique<HookedSink>(fate, hook(Place::sink), open_door(),
                                          hook(Place::commit));
    }));
  }

  std::shared_ptr<const Stage> stage() {
    return make_stage("test.fault",
                      [hook = hook(Place::stage)](const ChunkInfo& chunk, auto in, auto& out) {
                        if (hook) hook(chunk.index);
                        return xor_bytes(in, out, std::byte{1});
                      });
  }

  std::function<void(const Progress&)> progress() {
    if (place_ != Place::progress) return {};
    return [this](const Progress&) { fault_.strike(0); };
  }

  std::shared_ptr<const KeyProvider> provider() {
    const auto call = [this](const std::stop_token& stop) {
      const std::stop_callback wake(stop, open_door());
      if (place_ == Place::key) fault_.strike(0);
    };
    return std::make_shared<CallableProvider>(
        [call](auto file_key, const std::stop_token& stop) {
          call(stop);
          return Bytes(file_key.begin(), file_key.end());
        },
        [call](auto blob, const std::stop_token& stop) -> std::optional<SharedKey> {
          call(stop);
          return SharedKey::from_bytes(blob.template first<SharedKey::kBytes>());
        });
  }

  Pipeline pipeline() {
    return Pipeline::Builder()
        .add(stage())
        .add(aes_256_gcm({.recipients = {provider()}}))
        .chunk_size(ChunkSize::from_bytes(kChunk))
        .runtime(runtime_)
        .build();
  }

  RestoreOptions restore_options() {
    return {.identities = {provider()},
            .stop = stop_.get_token(),
            .on_progress = progress(),
            .registry = registry_of({stage()}),
            .runtime = runtime_};
  }

  const Runtime runtime_;
  const Place place_;
  Fault& fault_;
  std::stop_source stop_;
};

errc expected(Kind kind, Place place) {
  switch (kind) {
    case Kind::exception:
    case Kind::stranger:
      return place == Place::stage ? errc::stage_failed : errc::io_error;
    case Kind::error:
      return errc::limit_exceeded;
    case Kind::no_memory:
      return errc::resource_exhausted;
    case Kind::blocks:
      break;
  }
  return errc::cancelled;
}

void check_error(const Error& error, const NamedKind& kind, const NamedPlace& place, Deed deed,
                 std::size_t k) {
  INFO(error.what());
  CHECK(error.kind() == expected(kind.kind, place.place));
  CHECK(std::string(error.what()).find(kind.says) != std::string::npos);
  if (kind.kind == Kind::blocks) return;
  if (place.path) CHECK(error.path() == place.path);
  if (place.place == Place::stage) {
    CHECK(error.chunk() == k);
    CHECK(error.stage() == "test.fault");
    CHECK(error.offset().has_value());
  }
  // The header is written first, the index last.
  if (place.place == Place::stream_sink && deed == Deed::process)
    CHECK(error.chunk() == (k >= 1 && k <= kChunks ? std::optional(k - 1) : std::nullopt));
  if (place.place == Place::stream && deed == Deed::process) {
    CHECK(error.chunk() == k);
    CHECK(error.offset() == k * kChunk);
  }
}

}  // namespace

TEST_CASE(
    "whatever goes wrong wherever and whenever, that is the error, and nothing else is left") {
  const Bytes plain = random_bytes(kChunks * kChunk, 1);
  const Bytes sealed = Attempt::container_of(plain);
  std::size_t faults = 0;
  for (const NamedRuntime& runtime : test_runtimes())
    for (const NamedDeed& deed : kDeeds)
      for (const NamedPlace& place : kPlaces)
        for (const NamedKind& kind : kKinds) {
          if (!can_be(place.place, deed.deed)) continue;
          if (kind.kind == Kind::blocks && !can_block(place.place, deed.deed)) continue;
          bool has_struck = true;
          for (std::size_t k = 0; has_struck; ++k) {
            const Watchdog watchdog(std::chrono::seconds(60));
            INFO(runtime.name << ": " << deed.name << ": the " << place.name << " " << kind.name
                              << " at " << k);
            Fault fault(kind.kind, k);
            Attempt attempt(runtime.runtime, place.place, fault);
            const Error error =
                thrown_by([&] { attempt.run(deed, deed.deed == Deed::process ? plain : sealed); });
            has_struck = fault.has_struck();
            if (has_struck) {
              ++faults;
              check_error(error, kind, place, deed.deed, k);
            } else {
              CHECK(error.kind() == errc{});
            }
            CHECK(fault.inside() == 0);
            CHECK(attempt.fate.committed == (has_struck ? 0 : attempt.sinks_opened));
            if (has_struck && place.place != Place::commit)
              CHECK(attempt.fate.abandoned == attempt.sinks_opened);
            CHECK(runtime.runtime.memory_in_use_bytes() == 0);
            CHECK(runtime.runtime.impl().operations().in_use() == 0);
          }
        }
  std::printf("%zu faults\n", faults);
}

}  // namespace adapipe
