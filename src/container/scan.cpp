#include "container/scan.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace adapipe::inline v0_1 {

namespace {

constexpr std::uint64_t kWindowBytes = 64 * 1024;

}  // namespace

RecordScanner::RecordScanner(PositionalSourceImpl& source, const OpenedContainer& container,
                             ReserveMemory reserve, ReleaseMemory release, Passed passed,
                             std::uint64_t max_stored_bytes, std::stop_token stop)
    : source_(source),
      container_(container),
      reserve_(std::move(reserve)),
      release_(std::move(release)),
      passed_(std::move(passed)),
      total_bytes_(source.total_bytes()),
      max_stored_bytes_(max_stored_bytes),
      stop_(std::move(stop)),
      protector_(container.keys),
      position_(container.records_offset) {}

std::optional<FoundRecord> RecordScanner::next() {
  while (find_magic()) {
    if (const auto found = try_record()) return found;
    pass_to(position_ + 1);
  }
  return std::nullopt;
}

/// Goes to the next magic that a whole record header can begin with.
bool RecordScanner::find_magic() {
  for (ByteSpan ahead = window(); !ahead.empty(); ahead = window()) {
    const std::size_t places = ahead.size() - layout::kRecordHeaderBytes + 1;
    const ByteSpan searched = ahead.first(places + layout::kRecordMagic.size() - 1);
    const std::size_t at = as_text(searched).find(as_text(layout::kRecordMagic));
    const bool found = at != std::string_view::npos;
    pass_to(position_ + (found ? at : places));
    if (found) return true;
  }
  return false;
}

/// The container from position_ on: a record header at least, and nothing if there is less.
ByteSpan RecordScanner::window() {
  if (position_ >= total_bytes_ || total_bytes_ - position_ < layout::kRecordHeaderBytes) return {};
  if (position_ + layout::kRecordHeaderBytes > window_offset_ + window_.size()) {
    window_.resize(static_cast<std::size_t>(std::min(kWindowBytes, total_bytes_ - position_)));
    window_offset_ = position_;
    read_exactly(source_, window_offset_, window_, stop_);
  }
  return ByteSpan(window_).subspan(static_cast<std::size_t>(position_ - window_offset_));
}

std::optional<FoundRecord> RecordScanner::try_record() {
  const auto bytes = window().first<layout::kRecordHeaderBytes>();
  if (!is_record_header(bytes, container_.header)) return std::nullopt;
  const RecordHeader header = decode_record_header(bytes, container_.header);
  const bool fits = header.type == RecordType::index ? index_bytes_fit(header)
                                                     : header.stored_bytes <= max_stored_bytes_;
  if (!fits) return std::nullopt;
  const std::uint64_t offset = position_;
  const std::uint64_t end = offset + layout::kRecordHeaderBytes + header.stored_bytes;
  if (end > total_bytes_) return std::nullopt;

  std::vector<std::uint64_t>& failed_ends = failed_ends_[static_cast<std::size_t>(header.type)];
  std::erase_if(failed_ends, [offset](std::uint64_t failed) { return failed <= offset; });
  if (failed_ends.size() == kMaxTries) return std::nullopt;
  shrink_room(longest_chunk_bytes_);
  if (!make_room(header)) return std::nullopt;
  const auto payload = std::span(payload_).first(header.stored_bytes);
  read_exactly(source_, offset + layout::kRecordHeaderBytes, payload, stop_);
  const auto data = protector_.try_open(bytes, header, payload);
  if (!data) {
    failed_ends.push_back(end);
    return std::nullopt;
  }
  pass_to(end);
  return FoundRecord{.header = header, .offset = offset, .data = *data};
}

/// Whether there is memory for the payload. What chunks need is bounded by the header, which is
/// authentic; what an index needs is not, so that it must not be kept from others either.
bool RecordScanner::make_room(const RecordHeader& header) {
  const std::size_t bytes = header.stored_bytes;
  if (bytes <= payload_.size()) return true;
  try {
    if (reserve_) reserve_(bytes - payload_.size());
  } catch (const Error& error) {
    if (header.type != RecordType::index || error.kind() != errc::resource_exhausted) throw;
    if (!index_passed_over_) index_passed_over_ = error;
    return false;
  }
  payload_ = {};  // before the larger one is made
  payload_.resize(bytes);
  if (header.type == RecordType::chunk) longest_chunk_bytes_ = bytes;
  return true;
}

void RecordScanner::shrink_room(std::size_t bytes) {
  if (payload_.size() <= bytes) return;
  const std::size_t less = payload_.size() - bytes;
  payload_ = {};  // before the smaller one is made
  payload_.resize(bytes);
  if (release_) release_(less);
}

void RecordScanner::pass_to(std::uint64_t offset) {
  if (passed_) passed_(offset - position_);
  position_ = offset;
}

}  // namespace adapipe::inline v0_1
