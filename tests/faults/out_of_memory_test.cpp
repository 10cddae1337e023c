// Memory that runs out at the first allocation of an operation, the second, ... until the operation
// succeeds, once or for good: the operation ends, says so, and leaves nothing behind.

#include <adapipe/adapipe.hpp>
#include <adapipe/error.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <functional>
#include <new>
#include <span>
#include <utility>

#include "faults/failing_memory.hpp"
#include "graph/runtime_impl.hpp"
#include "keys/passphrase.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/endpoints.hpp"
#include "support/key_providers.hpp"
#include "support/round_trip.hpp"
#include "support/temp_dir.hpp"
#include "support/watchdog.hpp"
#include "support/zst_file.hpp"

namespace adapipe {

using namespace testing;

namespace {

constexpr std::size_t kChunk = 4096;
constexpr std::size_t kChunks = 3;

/// What the operations work on; exists before memory is short.
class Subject {
 public:
  explicit Subject(const Runtime& its_runtime)
      : runtime(its_runtime),
        pipeline(Pipeline::Builder()
                     .add(zstd())
                     .add(aes_256_gcm({.recipients = {provider}}))
                     .chunk_size(ChunkSize::from_bytes(kChunk))
                     .runtime(runtime)
                     .build()),
        watched(Pipeline::Builder()
                    .add(sha256())
                    .add(tee([this] { return Sink::memory(copy); }))
                    .add(zstd())
                    .add(aes_256_gcm({.recipients = {provider}}))
                    .chunk_size(ChunkSize::from_bytes(kChunk))
                    .runtime(runtime)
                    .build()) {
    pipeline.process(Source::memory(plain), Sink::memory(sealed));
    locked_pipeline().process(Source::memory(plain), Sink::memory(locked));
    zstd_pipeline().process(Source::memory(plain), Sink::memory(zst));
    reset();
  }

  RestoreOptions restore_options() const {
    return {.identities = {provider, key}, .runtime = runtime, .allow_unencrypted = true};
  }
  RekeyOptions rekey_options() const { return {.identities = {provider}, .add = {provider}}; }
  Pipeline locked_pipeline() const {
    return Pipeline::Builder()
        .add(aes_256_gcm({.recipients = {key, passphrase, identity}}))
        .chunk_size(ChunkSize::from_bytes(kChunk))
        .runtime(runtime)
        .build();
  }
  Pipeline zstd_pipeline() const {
    return Pipeline::Builder()
        .add(zstd())
        .container(Container::zstd_seekable)
        .chunk_size(ChunkSize::from_bytes(kChunk))
        .runtime(runtime)
        .build();
  }
  ReaderOptions reader_options() const { return {.identities = {provider}, .cache_bytes = 0}; }
  Source stream_of(const Bytes& bytes) const {
    return Source(std::make_unique<HookedStream>(bytes, BeforeCall()));
  }
  Sink onto_file() const { return Sink::file(target, {.overwrite = true, .durable = false}); }

  void reset() {
    out.clear();
    copy.clear();
    write_file(target, kOld);
  }
  bool is_untouched() const {
    const std::filesystem::directory_iterator files(dir_.path());
    return out.empty() && copy.empty() && read_file(target) == kOld &&
           std::distance(begin(files), end(files)) == 1;
  }

  /// What was made is the plain bytes, or a container of them.
  bool is_done() const {
    if (!copy.empty() && copy != plain) return false;
    const Bytes made = out.empty() ? read_file(target) : out;
    if (made == plain) return true;
    Bytes back;
    restore(Source::memory(made), Sink::memory(back), restore_options());
    return back == plain;
  }

  const Bytes plain = compressible_bytes(kChunks * kChunk, 1);
  const std::shared_ptr<const KeyProvider> provider =
      std::make_shared<MaskingProvider>("masks", 0x5A);
  const SharedKey key = SharedKey::generate();
  const Passphrase passphrase = PassphraseAccess::make("p", {.log2_n = 10, .r = 8, .p = 1});
  const X25519Identity identity = X25519Identity::generate();
  const Runtime runtime;
  const Pipeline pipeline;
  const Pipeline watched;
  const Bytes unsized_zst = zst_frame(plain, {.says_size = false});
  Bytes sealed;
  Bytes locked;
  Bytes zst;
  Bytes out;
  Bytes copy;  // that `watched` makes

 private:
  inline static const Bytes kOld = from_text("what was there before");
  const TempDir dir_;

 public:
  const std::filesystem::path target = dir_ / "target";
};

/// As get(), without a copy of the report, which takes memory.
void await(const Operation& operation) {
  operation.wait();
  if (const Error* const error = operation.error()) throw Error(*error);
}

struct Deed {
  const char* name;
  std::function<void(Subject&)> run;
  bool makes_something = true;
};

const Deed kDeeds[] = {
    {"process",
     [](Subject& s) { s.pipeline.process(Source::memory(s.plain), Sink::memory(s.out)); }},
    {"process a stream",
     [](Subject& s) { s.pipeline.process(s.stream_of(s.plain), Sink::memory(s.out)); }},
    {"process, watched",
     [](Subject& s) { s.watched.process(Source::memory(s.plain), Sink::memory(s.out)); }},
    {"process a stream, watched",
     [](Subject& s) { s.watched.process(s.stream_of(s.plain), Sink::memory(s.out)); }},
    {"start processing to a file",
     [](Subject& s) { await(s.pipeline.start(Source::memory(s.plain), s.onto_file())); }},
    {"restore",
     [](Subject& s) {
       restore(Source::memory(s.sealed), Sink::memory(s.out), s.restore_options());
     }},
    {"restore a stream",
     [](Subject& s) { restore(s.stream_of(s.sealed), Sink::memory(s.out), s.restore_options()); }},
    {"start restoring to a file",
     [](Subject& s) {
       await(start_restore(Source::memory(s.sealed), s.onto_file(), s.restore_options()));
     }},
    {"verify", [](Subject& s) { verify(Source::memory(s.sealed), s.restore_options()); }, false},
    {"start verifying",
     [](Subject& s) { await(start_verify(s.stream_of(s.sealed), s.restore_options())); }, false},
    {"write",
     [](Subject& s) {
       Writer writer(s.pipeline, Sink::memory(s.out));
       writer.write(std::span(s.plain).first(kChunk + 1));
       writer.flush();
       writer.write(std::span(s.plain).subspan(kChunk + 1));
       await(writer.start_finish());
     }},
    {"read ranges",
     [](Subject& s) {
       const Reader reader = Reader::open(Source::memory(s.sealed), s.reader_options());
       Bytes read(reader.size());
       reader.read_at(kChunk - 1, std::span(read).subspan(kChunk - 1));
       reader.read_at(0, std::span(read).first(kChunk - 1));
       s.out = std::move(read);
     }},
    {"read by way of the Runtime's cache",
     [](Subject& s) {
       const Reader reader = Reader::open(Source::memory(s.sealed),
                                          {.identities = {s.provider}, .runtime = s.runtime});
       Bytes read(reader.size());
       reader.read_at(0, read);
       s.out = std::move(read);
     }},
    {"start reading",
     [](Subject& s) {
       const Reader reader = Reader::open(Source::memory(s.sealed), s.reader_options());
       Bytes read(reader.size());
       await(reader.start_read(0, read));
       s.out = std::move(read);
     }},
    {"rekey",
     [](Subject& s) { rekey(Source::memory(s.sealed), Sink::memory(s.out), s.rekey_options()); }},
    {"rekey to a file",
     [](Subject& s) { rekey(Source::memory(s.sealed), s.onto_file(), s.rekey_options()); }},
    {"salvage",
     [](Subject& s) {
       salvage(Source::memory(s.sealed), Sink::memory(s.out), s.restore_options());
     }},
    {"salvage to a file",
     [](Subject& s) { salvage(Source::memory(s.sealed), s.onto_file(), s.restore_options()); }},
    {"process for keys of all kinds",
     [](Subject& s) { s.locked_pipeline().process(Source::memory(s.plain), Sink::memory(s.out)); }},
    {"restore with a passphrase",
     [](Subject& s) {
       const Passphrase again = PassphraseAccess::make("p", {.log2_n = 10, .r = 8, .p = 1});
       restore(Source::memory(s.locked), Sink::memory(s.out),
               {.identities = {again}, .runtime = s.runtime});
     }},
    {"restore with a private key",
     [](Subject& s) {
       restore(Source::memory(s.locked), Sink::memory(s.out),
               {.identities = {s.identity}, .runtime = s.runtime});
     }},
    {"restore with a shared key",
     [](Subject& s) {
       restore(Source::memory(s.locked), Sink::memory(s.out),
               {.identities = {s.key}, .runtime = s.runtime});
     }},
    {"rekey for keys of all kinds",
     [](Subject& s) {
       rekey(Source::memory(s.locked), Sink::memory(s.out),
             {.identities = {s.identity},
              .add = {s.key, s.passphrase, s.identity},
              .remove_all = true});
     }},
    {"inspect", [](Subject& s) { inspect(Source::memory(s.sealed)); }, false},
    {"process to a zstd file",
     [](Subject& s) { s.zstd_pipeline().process(Source::memory(s.plain), Sink::memory(s.out)); }},
    {"restore a zstd file",
     [](Subject& s) {
       restore(Source::memory(s.zst), Sink::memory(s.out), {.runtime = s.runtime});
     }},
    {"restore a stream of zstd",
     [](Subject& s) {
       restore(s.stream_of(s.unsized_zst), Sink::memory(s.out), {.runtime = s.runtime});
     }},
    {"inspect a zstd file", [](Subject& s) { inspect(Source::memory(s.zst)); }, false},
    {"read a zstd file",
     [](Subject& s) {
       const Reader reader = Reader::open(Source::memory(s.zst), {.cache_bytes = 0});
       Bytes read(reader.size());
       reader.read_at(0, read);
       s.out = std::move(read);
     }},
};

/// What is thrown before an operation has begun may be std::bad_alloc.
bool is_lack_of_memory(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& error) {
    UNSCOPED_INFO(error.what());
    return error.kind() == errc::resource_exhausted;
  } catch (const std::bad_alloc&) {
    return true;
  }
}

/// Checks what one shortage comes to; false if there was enough.
bool fails_well(Subject& subject, const Deed& deed, Shortage shortage) {
  const Watchdog watchdog(std::chrono::seconds(60));
  std::exception_ptr thrown;
  bool had_failed = false;
  {
    const FailingMemory memory(shortage);
    try {
      deed.run(subject);
    } catch (...) {
      thrown = std::current_exception();
    }
    had_failed = FailingMemory::has_failed();
  }
  CHECK(subject.runtime.memory_in_use_bytes() == 0);
  CHECK(subject.runtime.impl().operations().in_use() == 0);
  CHECK(subject.runtime.impl().decoded_chunks().containers() == 0);
  if (thrown) {
    CHECK(is_lack_of_memory(thrown));
    CHECK(subject.is_untouched());
  } else {
    CHECK((!deed.makes_something || subject.is_done()));
    subject.reset();
  }
  if (!had_failed) CHECK_FALSE(thrown);
  return had_failed;
}

}  // namespace

TEST_CASE("whenever memory runs out, an operation ends, undone, and says so") {
  for (const NamedRuntime& runtime : test_runtimes()) {
    Subject subject(runtime.runtime);
    for (const Deed& deed : kDeeds)
      for (const bool lasts : {false, true}) {
        Shortage shortage{.first = 0, .lasts = lasts};
        for (bool failed = true; failed;) {
          ++shortage.first;
          INFO(runtime.name << ", " << deed.name << ", allocation " << shortage.first
                            << (lasts ? " and all later ones" : ""));
          failed = fails_well(subject, deed, shortage);
        }
        std::printf("%s, %s%s: %zu allocations failed\n", runtime.name.c_str(), deed.name,
                    lasts ? ", for good" : "", shortage.first - 1);
      }
  }
}

}  // namespace adapipe
