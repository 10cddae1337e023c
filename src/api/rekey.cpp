#include "container/rekey.hpp"

#include <adapipe/error.hpp>
#include <adapipe/rekey.hpp>
#include <algorithm>
#include <chrono>
#include <span>
#include <string>
#include <utility>

#include "api/container_access.hpp"
#include "api/steps.hpp"
#include "graph/progress_meter.hpp"

namespace adapipe::inline v0_1 {

namespace {

constexpr std::uint64_t kBufferBytes = 1024 * 1024;

class Rekeying {
 public:
  Rekeying(Source source, const RekeyOptions& options)
      : options_(options),
        source_(open_positional(std::move(source))),
        meter_(options.on_progress) {}

  /// Checks the container and makes its new head. The keys are gone when it returns.
  void prepare() {
    const std::stop_callback wake(options_.stop, [this] { source().cancel(); });
    unless_stopped(options_.stop, [&] { about(source().name(), [&] { open(); }); });
  }

  void write_to(Sink sink) {
    fill_sink(std::move(sink),
              {.total_bytes = report_.output_bytes,
               .input = source().file_id(),
               .may_replace = source().file_version()},
              source(), options_.stop, [this](SinkImpl& to) { copy_to(to); });
  }

  Report report() {
    report_.wall = meter_.now().elapsed;
    return report_;
  }

 private:
  PositionalSourceImpl& source() const noexcept { return *source_.positional; }

  static void refuse_unencrypted(const Header& header) {
    if (header.integrity != Integrity::aead)
      throw Error(errc::invalid_argument, "the container is not encrypted, so it has no key slots");
  }

  void open() {
    refuse_unencrypted(read_header(read_full_from(source(), options_.stop)));
    const OpenedContainer container =
        open_container(read_full_from(source(), options_.stop), {.identities = options_.identities,
                                                                 .context = options_.context,
                                                                 .stop = options_.stop,
                                                                 .keep_schedule = true,
                                                                 .registry = options_.registry});
    refuse_unencrypted(container.header);  // it was read again, and may be another by now
    const Index index = read_index(source(), container, at_most(options_.max_index_memory_bytes),
                                   options_.stop, &index_record_);
    head_ = rekeyed_head(
        container,
        {.add = options_.add, .remove = options_.remove, .remove_all = options_.remove_all},
        system_random(), options_.stop);
    records_ = container.records_offset;
    end_ = records_ + index.records_total();
    trailer_ = {.index_offset = head_.size() + index.records_total(),
                .index_record_bytes = index_record_.size()};
    report_.input_bytes = source().total_bytes();
    report_.output_bytes = trailer_.index_offset + index_record_.size() + layout::kTrailerBytes;
    report_.chunks = index.chunks();
    report_.slot_type = container.slot_type();
  }

  void copy_to(SinkImpl& to) {
    meter_.set_total(report_.output_bytes);
    put(to, head_);
    std::vector<std::byte> buffer(
        static_cast<std::size_t>(std::min(end_ - records_, kBufferBytes)));
    for (std::uint64_t at = records_; at < end_;) {
      const auto part = std::span(buffer).first(
          static_cast<std::size_t>(std::min<std::uint64_t>(end_ - at, buffer.size())));
      about(source().name(), [&] { read_exactly(source(), at, part, options_.stop); });
      put(to, part);
      at += part.size();
    }
    put(to, index_record_);
    put(to, encode_trailer(trailer_));
    meter_.finish();
    throw_if_stopped(options_.stop);
  }

  void put(SinkImpl& to, ByteSpan bytes) {
    throw_if_stopped(options_.stop);
    about(to.name(), [&] { to.write(bytes); });
    meter_.add(bytes.size(), bytes.size());
  }

  const RekeyOptions& options_;
  OpenSource source_;
  ProgressMeter meter_;
  std::vector<std::byte> head_;
  std::vector<std::byte> index_record_;  // the very bytes that were checked
  std::uint64_t records_ = 0;            // from here to end_ the records of chunks are copied
  std::uint64_t end_ = 0;
  Trailer trailer_;
  Report report_;
};

}  // namespace

Report rekey(Source source, Sink sink, RekeyOptions options) {
  Rekeying rekeying(std::move(source), options);
  rekeying.prepare();
  rekeying.write_to(std::move(sink));
  return rekeying.report();
}

}  // namespace adapipe::inline v0_1
