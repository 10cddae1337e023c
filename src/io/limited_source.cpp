#include "io/limited_source.hpp"

#include <adapipe/error.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "io/checked_read.hpp"
#include "io/token_bucket.hpp"

namespace adapipe::inline v0_1 {

RateLimit::RateLimit(std::uint64_t bytes_per_second) {
  if (bytes_per_second < 1 || bytes_per_second > kMaxBytesPerSecond)
    throw Error(errc::invalid_argument,
                "a rate limit is 1 to " + std::to_string(kMaxBytesPerSecond) +
                    " bytes per second, not " + std::to_string(bytes_per_second));
  bucket_ = std::make_shared<TokenBucket>(bytes_per_second);
}

std::uint64_t RateLimit::bytes_per_second() const noexcept { return bucket_->bytes_per_second(); }

namespace {

/// What a limited source has in common with the one behind it, stream or not.
template <typename Kind>
class Limited : public Kind {
 public:
  Limited(std::unique_ptr<Kind> whole, std::shared_ptr<TokenBucket> bucket)
      : whole_(std::move(whole)), user_(std::move(bucket)) {}

  void cancel() noexcept override {
    user_.cancel();
    whole_->cancel();
  }
  bool may_wait() const noexcept override { return true; }
  std::string name() const override { return whole_->name(); }
  std::optional<FileId> file_id() const override { return whole_->file_id(); }
  std::optional<FileVersion> file_version() const override { return whole_->file_version(); }

 protected:
  Kind& whole() noexcept { return *whole_; }
  const Kind& whole() const noexcept { return *whole_; }

  /// Has `read` fill what of `to` the limit allows now; what it leaves of that is given back.
  std::size_t read_step(std::span<std::byte> to, auto read) {
    return use(user_.take(to.size()), to, read);
  }
  std::size_t try_read_step(std::span<std::byte> to, auto read) {
    return use(user_.try_take(to.size()), to, read);
  }

 private:
  std::size_t use(std::size_t taken, std::span<std::byte> to, auto read) {
    if (taken == 0) return 0;
    std::size_t used = 0;
    try {
      used = checked_count(read(to.first(taken)), taken);
    } catch (...) {
      user_.give_back(taken);
      throw;
    }
    user_.give_back(taken - used);
    return used;
  }

  const std::unique_ptr<Kind> whole_;
  BucketUser user_;
};

class LimitedStream final : public Limited<SourceImpl> {
 public:
  using Limited::Limited;

  std::optional<std::uint64_t> size() const override { return whole().size(); }
  std::size_t read(std::span<std::byte> to) override {
    return read_step(to, [this](std::span<std::byte> part) { return whole().read(part); });
  }
};

class LimitedPositional final : public Limited<PositionalSourceImpl> {
 public:
  using Limited::Limited;

  std::uint64_t total_bytes() const override { return whole().total_bytes(); }

  std::size_t read_at(std::uint64_t offset_bytes, std::span<std::byte> to) override {
    std::size_t done = 0;
    while (done < to.size() && offset_bytes + done < total_bytes()) {
      const std::size_t got = read_step(to.subspan(done), [&](std::span<std::byte> part) {
        return whole().read_at(offset_bytes + done, part);
      });
      if (got == 0) break;
      done += got;
    }
    return done;
  }

  std::optional<std::size_t> try_read_at(std::uint64_t offset_bytes,
                                         std::span<std::byte> to) override {
    if (to.empty() || offset_bytes >= total_bytes()) return 0;
    std::optional<std::size_t> got;
    try_read_step(to, [&](std::span<std::byte> part) {
      got = whole().try_read_at(offset_bytes, part);
      return got.value_or(0);
    });
    return got;
  }
};

}  // namespace

std::unique_ptr<SourceImpl> limit_source(std::unique_ptr<SourceImpl> whole,
                                         std::shared_ptr<TokenBucket> bucket) {
  auto* const positional = dynamic_cast<PositionalSourceImpl*>(whole.get());
  if (positional == nullptr)
    return std::make_unique<LimitedStream>(std::move(whole), std::move(bucket));
  static_cast<void>(whole.release());
  return std::make_unique<LimitedPositional>(std::unique_ptr<PositionalSourceImpl>(positional),
                                             std::move(bucket));
}

Source limited(Source source, const std::optional<RateLimit>& limit) {
  return limit ? Source::limited(std::move(source), *limit) : std::move(source);
}

}  // namespace adapipe::inline v0_1
