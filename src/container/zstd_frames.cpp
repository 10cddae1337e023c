#include "container/zstd_frames.hpp"

#include <fmt/format.h>

#include <adapipe/error.hpp>
#include <algorithm>
#include <array>
#include <utility>

#include "codec/zstd_frame.hpp"
#include "container/seekable_layout.hpp"
#include "util/stop.hpp"

namespace adapipe::inline v0_1 {
namespace {

/// A page of the source at a time, so that heads that stand close together cost one read.
class SourceWindow {
 public:
  SourceWindow(PositionalSourceImpl& source, std::stop_token stop)
      : source_(source), stop_(std::move(stop)) {}

  /// `bytes`, at most a page of them, from `offset`; fewer only at the end.
  ByteSpan at(std::uint64_t offset, std::size_t bytes) {
    const std::uint64_t total = source_.total_bytes();
    if (offset >= total) return {};
    bytes = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, total - offset));
    if (offset < start_ || offset + bytes > start_ + filled_) {
      start_ = offset;
      filled_ = static_cast<std::size_t>(std::min<std::uint64_t>(window_.size(), total - offset));
      read_exactly(source_, offset, std::span(window_).first(filled_), stop_);
    }
    return ByteSpan(window_).subspan(static_cast<std::size_t>(offset - start_), bytes);
  }

 private:
  PositionalSourceImpl& source_;
  const std::stop_token stop_;
  std::array<std::byte, 4096> window_;
  std::uint64_t start_ = 0;
  std::size_t filled_ = 0;
};

/// What is being found.
class FrameList {
 public:
  explicit FrameList(const ZstdFramesOptions& options) : options_(options) {}

  std::uint64_t size() const noexcept { return found_.frames.size(); }
  const ZstdFrame& operator[](std::uint64_t frame) const { return found_.frames[frame]; }
  bool independent() const noexcept { return found_.independent(); }

  /// false, which is the end of the search: no frame of this content is decoded by itself.
  bool admits(std::optional<std::uint64_t> content_bytes) {
    if (!content_bytes)
      found_.obstacle = fmt::format("frame {} does not say how much is in it", size());
    else if (*content_bytes > options_.max_frame_plain_bytes)
      found_.obstacle = fmt::format("frame {} holds {} bytes, more than {} at once", size(),
                                    *content_bytes, options_.max_frame_plain_bytes);
    return independent();
  }

  /// Its content was admitted; it becomes the next one, or an obstacle for its size.
  void add(std::uint64_t offset, std::uint64_t frame_bytes, std::uint64_t plain_bytes,
           std::optional<std::uint32_t> checksum = {}) {
    if (frame_bytes > zstd_frame_bound(static_cast<std::size_t>(plain_bytes))) {
      found_.obstacle =
          fmt::format("frame {} takes {} bytes for {}", size(), frame_bytes, plain_bytes);
      return;
    }
    grow();
    found_.frames.push_back({.offset = offset,
                             .plain_offset = found_.plain_bytes,
                             .frame_bytes = static_cast<std::uint32_t>(frame_bytes),
                             .plain_bytes = static_cast<std::uint32_t>(plain_bytes),
                             .checksum = checksum});
    found_.plain_bytes += plain_bytes;
  }
  void expect_checksum(std::uint64_t frame, std::optional<std::uint32_t> checksum) noexcept {
    found_.frames[frame].checksum = checksum;
  }

  ZstdFrames take() && { return std::move(found_); }

 private:
  void grow() {
    std::vector<ZstdFrame>& frames = found_.frames;
    if (frames.size() < frames.capacity()) return;
    const std::size_t capacity = std::max<std::size_t>(64, 2 * frames.capacity());
    if (options_.reserve) options_.reserve(capacity * sizeof(ZstdFrame));
    frames.reserve(capacity);
  }

  const ZstdFramesOptions& options_;
  ZstdFrames found_;
};

template <typename F>
auto about_frame(std::uint64_t frame, std::uint64_t offset, F&& step) {
  try {
    return step();
  } catch (Error& error) {
    error.at_chunk(frame).at_offset(offset);
    throw;
  }
}

/// Goes from block to block.
class FrameWalk {
 public:
  FrameWalk(SourceWindow& window, std::uint64_t total_bytes, FrameList& frames)
      : window_(window), total_bytes_(total_bytes), frames_(frames) {}

  void run() {
    for (std::uint64_t at = 0; at < total_bytes_ && frames_.independent();) {
      last_ = at;
      at = about_frame(frames_.size(), at, [&] { return pass_frame(at); });
    }
  }

  /// Where the last frame begins, skippable or not.
  std::uint64_t last() const noexcept { return last_; }

 private:
  /// Where the next frame begins, or anywhere if there is an obstacle.
  std::uint64_t pass_frame(std::uint64_t at) {
    const ZstdFrameHead head = decode_zstd_frame_head(window_.at(at, kMaxZstdHeadBytes));
    if (head.is_skippable) return pass(at, head.bytes);
    if (!frames_.admits(head.content_bytes)) return at;
    std::uint64_t end = at + head.bytes;
    while (!pass_block(end)) {
    }
    if (head.has_checksum) end = pass(end, kZstdChecksumBytes);
    frames_.add(at, end - at, *head.content_bytes);
    return end;
  }

  /// true: it was the last one.
  bool pass_block(std::uint64_t& at) {
    const ByteSpan bytes = window_.at(at, kZstdBlockHeadBytes);
    if (bytes.size() < kZstdBlockHeadBytes) throw_truncated();
    const ZstdBlockHead block = decode_zstd_block_head(bytes.first<kZstdBlockHeadBytes>());
    at = pass(at, kZstdBlockHeadBytes + block.stored_bytes);
    return block.is_last;
  }

  std::uint64_t pass(std::uint64_t at, std::uint64_t bytes) const {
    if (bytes > total_bytes_ - at) throw_truncated();
    return at + bytes;
  }

  [[noreturn]] void throw_truncated() const {
    throw Error(errc::truncated, "the zstd file ends within a frame").at_offset(total_bytes_);
  }

  SourceWindow& window_;
  const std::uint64_t total_bytes_;
  FrameList& frames_;
  std::uint64_t last_ = 0;
};

/// A table that lies is not found out by its frames alone: it could give one the bytes of the next.
class SeekTableReader {
 public:
  /// Nothing if the file does not end with one.
  static std::optional<SeekTableReader> find(SourceWindow& window, std::uint64_t total_bytes) {
    using namespace seekable_layout;
    if (total_bytes < kTableHeadBytes + kFooterBytes) return std::nullopt;
    ByteReader footer(window.at(total_bytes - kFooterBytes, kFooterBytes), "the seek table");
    SeekTableReader table(window);
    table.frames_ = footer.get<std::uint32_t>();
    const auto descriptor = footer.get<std::uint8_t>();
    if (footer.get<std::uint32_t>() != kFooterMagic || (descriptor & kReservedBits) != 0)
      return std::nullopt;
    if ((descriptor & kChecksumFlag) == 0) table.entry_bytes_ -= kChecksumBytes;
    const std::uint64_t bytes = table.frames_ * table.entry_bytes_ + kFooterBytes;
    if (bytes > total_bytes - kTableHeadBytes) return std::nullopt;
    table.offset_ = total_bytes - kTableHeadBytes - bytes;
    ByteReader head(window.at(table.offset_, kTableHeadBytes), "the seek table");
    if (head.get<std::uint32_t>() != kTableMagic || head.get<std::uint32_t>() != bytes)
      return std::nullopt;
    for (std::uint64_t i = 0; i < table.frames_; ++i) table.frames_total_ += table[i].frame_bytes;
    return table;
  }

  std::uint64_t offset() const noexcept { return offset_; }

  /// Whether it lists frames from the front of the file on. Where files were joined, the table is
  /// that of the last one.
  bool is_of_whole_file() const noexcept { return frames_total_ == offset_; }

  /// Takes the frames from it; what their heads say must agree.
  void take_frames(SourceWindow& heads, FrameList& frames) const {
    std::uint64_t at = 0;
    for (std::uint64_t i = 0; i < frames_ && frames.independent(); ++i) {
      const Entry entry = (*this)[i];
      about_frame(frames.size(), at, [&] { take_frame(heads, frames, at, entry); });
      at += entry.frame_bytes;
    }
  }

  /// Throws Error(corrupt) unless it lists the last ones of `frames`, all from some point on, and
  /// what is skipped between them. They get its checksums.
  void check(SourceWindow& heads, FrameList& frames) const {
    if (frames_total_ > offset_)
      throw Error(errc::corrupt, "the seek table lists more than there is").at_offset(offset_);
    std::uint64_t at = offset_ - frames_total_;
    std::uint64_t next = 0;
    while (next < frames.size() && frames[next].offset < at) ++next;
    for (std::uint64_t i = 0; i < frames_; ++i) {
      const Entry entry = (*this)[i];
      about_frame(next, at, [&] {
        const bool is_frame = next < frames.size() && frames[next].offset == at;
        if (!is_frame) {
          if (!head_of(heads, at, entry).is_skippable) throw_lies();
          return;
        }
        if (entry.frame_bytes != frames[next].frame_bytes ||
            entry.plain_bytes != frames[next].plain_bytes)
          throw_lies();
        frames.expect_checksum(next++, entry.checksum);
      });
      at += entry.frame_bytes;
    }
    if (next < frames.size()) about_frame(next, frames[next].offset, [] { throw_lies(); });
  }

 private:
  struct Entry {
    std::uint32_t frame_bytes;
    std::uint32_t plain_bytes;
    std::optional<std::uint32_t> checksum;
  };

  explicit SeekTableReader(SourceWindow& window) : window_(&window) {}

  Entry operator[](std::uint64_t frame) const {
    const std::uint64_t at = offset_ + seekable_layout::kTableHeadBytes + frame * entry_bytes_;
    ByteReader reader(window_->at(at, entry_bytes_), "the seek table");
    Entry entry{};
    entry.frame_bytes = reader.get<std::uint32_t>();
    entry.plain_bytes = reader.get<std::uint32_t>();
    if (has_checksums()) entry.checksum = reader.get<std::uint32_t>();
    return entry;
  }

  bool has_checksums() const noexcept { return entry_bytes_ == seekable_layout::kEntryBytes; }

  [[noreturn]] static void throw_lies() {
    throw Error(errc::corrupt, "the seek table does not list the frames that are there");
  }

  /// Of what stands where the entry says that a frame does. If it is skippable, the entry fits it.
  static ZstdFrameHead head_of(SourceWindow& heads, std::uint64_t at, const Entry& entry) {
    const ByteSpan front = heads.at(at, kMaxZstdHeadBytes);
    if (!starts_as_zstd(front)) throw_lies();
    const ZstdFrameHead head = decode_zstd_frame_head(front);
    if (head.bytes > entry.frame_bytes) throw_lies();
    if (head.is_skippable && (head.bytes != entry.frame_bytes || entry.plain_bytes != 0))
      throw_lies();
    return head;
  }

  /// Who reads at random decodes no empty frame, and would not find out that it is none, or that
  /// another one hides behind it: so its blocks are looked at here.
  static void check_empty(SourceWindow& heads, std::uint64_t at, const ZstdFrameHead& head,
                          const Entry& entry) {
    const std::uint64_t end = at + entry.frame_bytes - (head.has_checksum ? kZstdChecksumBytes : 0);
    at += head.bytes;
    for (bool is_last = false; !is_last;) {
      const ByteSpan bytes = heads.at(at, kZstdBlockHeadBytes);
      if (at >= end || bytes.size() < kZstdBlockHeadBytes) throw_lies();
      const ZstdBlockHead block = decode_zstd_block_head(bytes.first<kZstdBlockHeadBytes>());
      if (block.stored_bytes != 0 && !head.content_bytes) throw_lies();
      at += kZstdBlockHeadBytes + block.stored_bytes;
      is_last = block.is_last;
    }
    if (at != end) throw_lies();
  }

  static void take_frame(SourceWindow& heads, FrameList& frames, std::uint64_t at,
                         const Entry& entry) {
    const ZstdFrameHead head = head_of(heads, at, entry);
    if (head.is_skippable) return;
    if (head.content_bytes.value_or(entry.plain_bytes) != entry.plain_bytes)
      throw Error(errc::corrupt,
                  fmt::format("the seek table says that there are {} bytes in the frame, the frame "
                              "that there are {}",
                              entry.plain_bytes, *head.content_bytes));
    if (entry.plain_bytes == 0) check_empty(heads, at, head, entry);
    if (frames.admits(entry.plain_bytes))
      frames.add(at, entry.frame_bytes, entry.plain_bytes, entry.checksum);
  }

  SourceWindow* window_;
  std::uint64_t frames_ = 0;
  std::size_t entry_bytes_ = seekable_layout::kEntryBytes;
  std::uint64_t offset_ = 0;        // of the table
  std::uint64_t frames_total_ = 0;  // bytes of all frames that it lists
};

}  // namespace

ZstdFrames find_zstd_frames(PositionalSourceImpl& source, const ZstdFramesOptions& options) {
  const std::uint64_t total_bytes = source.total_bytes();
  SourceWindow heads(source, options.stop);
  SourceWindow entries(source, options.stop);
  FrameList frames(options);
  const std::optional<SeekTableReader> table = SeekTableReader::find(entries, total_bytes);
  if (table && table->is_of_whole_file()) {
    table->take_frames(heads, frames);
  } else {
    FrameWalk walk(heads, total_bytes, frames);
    walk.run();
    // Else it stands within a skippable frame, which may hold another file.
    const bool is_frame = table && table->offset() == walk.last();
    if (is_frame && frames.independent()) table->check(heads, frames);
  }
  return std::move(frames).take();
}

}  // namespace adapipe::inline v0_1
