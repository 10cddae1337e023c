#include "api/read_range_job.hpp"

#include <adapipe/error.hpp>
#include <algorithm>
#include <cstring>
#include <utility>

namespace adapipe::inline v0_1 {

ReadRangeJob::ReadRangeJob(std::shared_ptr<const ReadableContainer> container, ChunkRange range,
                           std::uint64_t offset_bytes, std::span<std::byte> to)
    : container_(std::move(container)),
      range_(range),
      to_(to),
      chunks_(reader(), range),
      copier_(offset_bytes, to) {}

std::size_t ReadRangeJob::largest_chunk_bytes() const {
  std::size_t largest = 0;
  for (std::uint64_t chunk = range_.first; chunk < range_.first + range_.count; ++chunk)
    largest = std::max<std::size_t>(largest, reader().chunk(chunk).plain_bytes);
  return largest;
}

std::optional<std::uint64_t> ReadRangeJob::plain_bytes() const {
  std::uint64_t bytes = 0;
  for (std::uint64_t chunk = range_.first; chunk < range_.first + range_.count; ++chunk)
    bytes += reader().chunk(chunk).plain_bytes;
  return bytes;
}

void ReadRangeJob::Copier::write(ChunkSlot& slot) {
  const std::uint64_t begin = std::max(slot.plain_offset, offset_bytes_);
  const std::uint64_t end =
      std::min(slot.plain_offset + slot.data.size(), offset_bytes_ + to_.size());
  if (begin >= end) return;
  std::memcpy(to_.data() + (begin - offset_bytes_), slot.data.data() + (begin - slot.plain_offset),
              end - begin);
  copied_bytes_.fetch_add(end - begin, std::memory_order_relaxed);
}

void ReadRangeJob::finish() {
  if (copier_.copied_bytes() != to_.size())
    throw Error(errc::io_error, "internal error: chunks are missing at the end");
}

void ReadRangeJob::fill(Report& report) const noexcept {
  for (std::uint64_t chunk = range_.first; chunk < range_.first + range_.count; ++chunk)
    report.input_bytes += reader().chunk(chunk).bytes;
  report.output_bytes = copier_.copied_bytes();
  report.chunks = range_.count;
  report.slot_type = reader().slot_type();
}

}  // namespace adapipe::inline v0_1
