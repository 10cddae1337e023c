#include <adapipe/error.hpp>
#include <adapipe/taps.hpp>
#include <atomic>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <utility>

#include "graph/failure_latch.hpp"
#include "graph/tap.hpp"
#include "io/fd_sink.hpp"
#include "util/openssl.hpp"

namespace adapipe::inline v0_1 {

namespace {

using See = std::function<void(const ChunkInfo&, std::span<const std::byte>)>;

class Watching final : public TapRun {
 public:
  explicit Watching(const See& see) : see_(see) {}
  void see(const ChunkInfo& chunk, std::span<const std::byte> data) override { see_(chunk, data); }

 private:
  const See see_;
};

class Hashing final : public TapRun {
 public:
  Hashing()
      : algorithm_(
            owned<DigestPtr>(EVP_MD_fetch(default_context(), "SHA256", nullptr), "EVP_MD_fetch")),
        context_(owned<DigestContextPtr>(EVP_MD_CTX_new(), "EVP_MD_CTX_new")) {
    check_openssl(EVP_DigestInit_ex2(context_.get(), algorithm_.get(), nullptr),
                  "EVP_DigestInit_ex2");
  }

  void see(const ChunkInfo&, std::span<const std::byte> data) override {
    check_openssl(EVP_DigestUpdate(context_.get(), data.data(), data.size()), "EVP_DigestUpdate");
  }

  void finish() override {
    std::array<std::byte, 32> digest;
    check_openssl(EVP_DigestFinal_ex(context_.get(),
                                     reinterpret_cast<unsigned char*>(digest.data()), nullptr),
                  "EVP_DigestFinal_ex");
    digest_ = digest;
  }

  std::optional<std::array<std::byte, 32>> digest() const noexcept override { return digest_; }

 private:
  const DigestPtr algorithm_;
  const DigestContextPtr context_;
  std::optional<std::array<std::byte, 32>> digest_;
};

class Teeing final : public TapRun {
 public:
  Teeing(std::unique_ptr<SinkImpl> sink, const std::stop_token& stop)
      : sink_(std::move(sink)), wake_(stop, Wake{*sink_}) {}

  ~Teeing() override {
    if (!committed_) sink_->abandon();
  }

  void see(const ChunkInfo&, std::span<const std::byte> data) override {
    try {
      sink_->write(data);
    } catch (...) {
      throw failure().at_offset(written_bytes_);
    }
    written_bytes_ += data.size();
  }

  void finish() override {
    try {
      await_reader(*sink_);
    } catch (...) {
      throw failure();
    }
  }

  void commit() override {
    committed_ = true;  // what could be undone, it undoes itself if it throws
    try {
      sink_->commit();
    } catch (...) {
      throw failure();
    }
  }

 private:
  struct Wake {
    SinkImpl& sink;
    void operator()() const noexcept { sink.cancel(); }
  };

  Error failure() const {
    return FailureLatch::current_exception_as_error(errc::io_error).in_file(sink_->name());
  }

  const std::unique_ptr<SinkImpl> sink_;
  std::uint64_t written_bytes_ = 0;
  bool committed_ = false;
  const std::stop_callback<Wake> wake_;  // last: ends before the sink does
};

void check_name(const std::string& name) {
  if (name.empty() || name.size() > 255)
    throw Error(errc::invalid_argument, "a tap's name has 1 to 255 bytes");
}

}  // namespace

std::shared_ptr<const Stage> tap(See see, TapOptions options) {
  if (!see) throw Error(errc::invalid_argument, "tap() was given nothing to call");
  check_name(options.name);
  return std::make_shared<Tap>(
      Tap::Traits{.name = std::move(options.name), .in_order = options.in_order},
      [see = std::move(see)](const SinkHints&, const std::stop_token&) {
        return std::make_unique<Watching>(see);
      });
}

std::shared_ptr<const Stage> sha256() {
  return std::make_shared<Tap>(
      Tap::Traits{.name = "sha256", .in_order = true},
      [](const SinkHints&, const std::stop_token&) { return std::make_unique<Hashing>(); });
}

std::shared_ptr<const Stage> tee(Sink sink) {
  struct Once {
    explicit Once(Sink s) : sink(std::move(s)) {}
    Sink sink;
    std::atomic_flag used;
  };
  return tee([once = std::make_shared<Once>(std::move(sink))]() -> Sink {
    if (once->used.test_and_set())
      throw Error(errc::invalid_argument,
                  "the one sink that tee() was given is used by another operation: give it a "
                  "function that makes one for each");
    return std::move(once->sink);
  });
}

std::shared_ptr<const Stage> tee(std::function<Sink()> make_sink) {
  if (!make_sink) throw Error(errc::invalid_argument, "tee() was given no function");
  return std::make_shared<Tap>(
      Tap::Traits{.name = "tee", .may_wait = true},
      [make_sink = std::move(make_sink)](const SinkHints& hints, const std::stop_token& stop) {
        return std::make_unique<Teeing>(make_sink().open(hints), stop);
      });
}

}  // namespace adapipe::inline v0_1
