#include <adapipe/error.hpp>
#include <adapipe/salvage.hpp>
#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "api/container_access.hpp"
#include "api/salvage_plan.hpp"
#include "api/steps.hpp"
#include "container/scan.hpp"
#include "graph/progress_meter.hpp"
#include "graph/restore_parts.hpp"
#include "graph/runtime_impl.hpp"
#include "graph/stage_chain.hpp"
#include "io/limited_source.hpp"
#include "memory/memory_account.hpp"

namespace adapipe::inline v0_1 {

namespace {

constexpr std::array<std::byte, 64 * 1024> kZeros{};
constexpr std::size_t kMemoryPerChunk = 2 * sizeof(FoundChunk);  // the vector may double
constexpr char kNotFound[] = "no intact record of it was found";
constexpr char kPlaceUnknown[] = "where it belongs is not known";

/// Without the number of the chunk, which the range tells: neighbours that were lost for the same
/// reason are to be one range, however many they are.
std::string reason_of(const Error& error) {
  std::string reason = error.message();
  if (const auto stage = error.stage()) reason += ", in stage " + *stage;
  if (const std::error_code cause = error.cause()) reason += ": " + cause.message();
  return reason;
}

/// Finds what is intact, then reads it once more and writes it: where a chunk belongs may be known
/// only at the end, from the index.
class Salvaging {
 public:
  Salvaging(Source source, const RestoreOptions& options)
      : options_(options),
        runtime_(options.runtime ? *options.runtime : Runtime::shared()),
        memory_(runtime_.impl().memory()),
        source_(open_positional(std::move(source))),
        meter_(options.on_progress) {}

  void find() {
    runtime_.impl().check_not_forked();
    const std::stop_callback wake(options_.stop, [this] { source().cancel(); });
    unless_stopped(options_.stop, [&] {
      about(source().name(), [&] {
        open();
        scan();
        prepare_to_decode();
      });
    });
  }

  void write_to(Sink sink) {
    fill_sink(std::move(sink), {.total_bytes = {}, .input = source().file_id()}, source(),
              options_.stop, [this](SinkImpl& to) { write_all(to); });
  }

  SalvageReport report() && {
    report_.input_bytes = source().total_bytes();
    report_.output_bytes = written_to_;
    report_.slot_type = container_.slot_type();
    report_.max_in_flight = 1;
    report_.wall = meter_.now().elapsed;
    return std::move(report_);
  }

 private:
  PositionalSourceImpl& source() const noexcept { return *source_.positional; }

  void open() {
    container_ = open_container(read_full_from(source(), options_.stop),
                                {.identities = options_.identities,
                                 .context = options_.context,
                                 .allow_unencrypted = options_.allow_unencrypted,
                                 .stop = options_.stop,
                                 .registry = options_.registry});
    chain_.emplace(Direction::backward, make_stages(container_.header, options_.registry),
                   container_.keys, container_.header);
  }

  void scan() {
    std::vector<FoundChunk> found;
    std::optional<Index> index;
    RecordScanner scanner(
        source(), container_,
        [this](std::size_t bytes) { memory_.charge(bytes, "the longest record"); },
        [this](std::size_t bytes) { memory_.give_back(bytes); },
        [this](std::uint64_t bytes) {
          throw_if_stopped(options_.stop);
          meter_.add(0, bytes);
        },
        longest_payload_bytes(), options_.stop);
    while (const auto record = scanner.next()) {
      if (record->header.type == RecordType::index) {
        if (!index) index = read_index_record(*record);
        continue;
      }
      if (found.size() == found.capacity()) drop_copies(found);
      memory_.charge(kMemoryPerChunk, "the list of the chunks");
      found.push_back({.sequence = record->header.sequence,
                       .record_offset = record->offset,
                       .plain_bytes = record->header.plain_bytes,
                       .stored_bytes = record->header.stored_bytes});
    }
    if (!index && scanner.index_passed_over()) throw Error(*scanner.index_passed_over());
    plan_ = index ? plan_by_index(std::move(found), *index)
                  : plan_without_index(std::move(found), container_.header);
  }

  std::uint64_t longest_payload_bytes() const {
    const std::uint64_t chunk_bytes = container_.header.chunk_bytes;
    return chain_->most_stored_bytes(static_cast<std::size_t>(
        std::min(chunk_bytes, container_.header.plain_bytes.value_or(chunk_bytes))));
  }

  /// Somebody may have put any number of copies of a record into the container. Makes room for as
  /// many again as are left, so that the sorting does not add up.
  void drop_copies(std::vector<FoundChunk>& found) {
    const std::size_t all = found.size();
    put_in_order(found);
    memory_.give_back(kMemoryPerChunk * (all - found.size()));
    if (found.size() > found.capacity() / 2) found.reserve(2 * found.capacity());
  }

  /// Nothing if it contradicts itself or the header, which only a holder of the key can bring
  /// about. What it asks a reader to understand, whoever salvages has to as well.
  std::optional<Index> read_index_record(const FoundRecord& record) {
    memory_.charge(record.data.size());
    try {
      return decode_index_record(record.header, record.data, container_);
    } catch (const Error& error) {
      if (error.kind() == errc::unsupported_version) throw;
      memory_.give_back(record.data.size());
      return std::nullopt;
    }
  }

  void prepare_to_decode() {
    const std::uint64_t plain_bytes = plan_.plain_bytes.value_or(plan_.placed_end());
    if (plain_bytes > options_.max_plain_bytes)
      throw Error(errc::limit_exceeded, "the container holds " + std::to_string(plain_bytes) +
                                            " plain bytes, more than the allowed " +
                                            std::to_string(options_.max_plain_bytes));
    if (plan_.chunks.empty() && plan_.plain_bytes.value_or(1) > 0) throw nothing_recovered();
    report_.end_known = plan_.plain_bytes.has_value();
    report_.assumed_from_bytes = plan_.assumed_from;
    std::uint32_t largest = 0;
    for (const FoundChunk& chunk : plan_.chunks) largest = std::max(largest, chunk.plain_bytes);
    memory_.charge(chain_->slot_bytes(largest) + chain_->worker_bytes(largest), "one chunk");
    worker_.emplace(*chain_);
    meter_.set_total(plan_.plain_bytes);
  }

  static Error nothing_recovered() {
    return Error(errc::corrupt, "no chunk of the container could be recovered");
  }

  void write_all(SinkImpl& to) {
    holey_ = dynamic_cast<PositionalSinkImpl*>(&to);
    if (holey_ && !holey_->holes_are_zeros()) holey_ = nullptr;
    for (const FoundChunk& chunk : plan_.chunks) {
      lose_up_to(chunk);
      if (const std::optional<std::string> reason = decode(chunk))
        lose(chunk.plain_bytes, 1, *reason);
      else
        put_chunk(to, chunk);
      next_chunk_ = chunk.sequence + 1;
    }
    lose_the_end();
    if (report_.chunks == 0 && reached_ > 0) throw nothing_recovered().in_file(source().name());
    fill_last(to, reached_);
    report_.stages = worker_->report();  // what needs memory comes before the commit
    for (const StageReport& stage : report_.stages) report_.cpu += stage.time;
    meter_.finish();
    throw_if_stopped(options_.stop);
  }

  void lose_up_to(const FoundChunk& chunk) {
    if (chunk.sequence > next_chunk_)
      lose(chunk.plain_offset - reached_, chunk.sequence - next_chunk_, kNotFound);
    next_chunk_ = chunk.sequence;
  }

  void lose_the_end() {
    if (!plan_.plain_bytes || *plan_.plain_bytes == reached_) return;
    std::optional<std::uint64_t> chunks = plan_.all_chunks;
    if (chunks) *chunks -= next_chunk_;
    lose(*plan_.plain_bytes - reached_, chunks, plan_.gave_up ? kPlaceUnknown : kNotFound);
  }

  void lose(std::uint64_t bytes, std::optional<std::uint64_t> chunks, const std::string& reason) {
    if (!report_.lost.empty()) {
      LostRange& last = report_.lost.back();
      if (last.offset_bytes + last.length_bytes == reached_ && last.reason == reason) {
        last.length_bytes += bytes;
        last.chunks = chunks ? std::optional(*last.chunks + *chunks) : std::nullopt;
        reached_ += bytes;
        return;
      }
    }
    memory_.charge(2 * sizeof(LostRange) + reason.size(), "the list of what is lost");
    report_.lost.push_back({.offset_bytes = reached_,
                            .length_bytes = bytes,
                            .first_chunk = next_chunk_,
                            .chunks = chunks,
                            .reason = reason});
    reached_ += bytes;
  }

  /// Reads a chunk into the slot and undoes its stages. If that fails: why.
  std::optional<std::string> decode(const FoundChunk& chunk) {
    throw_if_stopped(options_.stop);
    slot_.restart(chunk.sequence);
    slot_.plain_bytes = chunk.plain_bytes;
    slot_.stored_bytes = chunk.stored_bytes;
    try {
      check_stored_bytes(*chain_, chunk.plain_bytes, chunk.stored_bytes);
    } catch (const Error& error) {
      return reason_of(error);
    }
    slot_.data = record_space(slot_, chunk.stored_bytes);
    about(source().name(),
          [&] { read_exactly(source(), chunk.record_offset, slot_.data, options_.stop); });
    try {
      check_header(chunk);
      for (const StepGroup& group : chain_->groups()) worker_->run(group, slot_);
    } catch (const Error& error) {
      if (error.kind() == errc::resource_exhausted || error.kind() == errc::cancelled ||
          is_of_cipher(error))
        throw;
      return reason_of(error);
    }
    return std::nullopt;
  }

  /// The record has authenticated before, so it is not to blame for a cipher that fails now: a
  /// host's own may need a device.
  bool is_of_cipher(const Error& error) const {
    const auto& cipher = container_.keys.cipher;
    return cipher && error.kind() != errc::corrupt && error.stage() == cipher->name();
  }

  void check_header(const FoundChunk& chunk) const {
    const auto bytes = std::span<const std::byte>(slot_.data).first<layout::kRecordHeaderBytes>();
    const RecordHeader header = decode_record_header(bytes, container_.header);
    if (header.type != RecordType::chunk || header.sequence != chunk.sequence ||
        header.plain_bytes != chunk.plain_bytes || header.stored_bytes != chunk.stored_bytes)
      throw Error(errc::corrupt, "the input was changed while it was read");
  }

  void put_chunk(SinkImpl& to, const FoundChunk& chunk) {
    fill(to, chunk.plain_offset);
    put(to, slot_.data);
    reached_ = written_to_;
    report_.recovered_bytes += chunk.plain_bytes;
    ++report_.chunks;
    meter_.add(chunk.plain_bytes, 0);
  }

  /// Zeros from where the output has come to up to `end`, or a hole.
  void fill(SinkImpl& to, std::uint64_t end) {
    if (holey_) {
      written_to_ = end;
      return;
    }
    while (written_to_ < end)
      put(to, std::span(kZeros).first(static_cast<std::size_t>(
                  std::min<std::uint64_t>(end - written_to_, kZeros.size()))));
  }

  /// A hole at the end is none until a byte follows.
  void fill_last(SinkImpl& to, std::uint64_t end) {
    if (end == written_to_) return;
    fill(to, holey_ ? end - 1 : end);
    if (holey_) put(to, std::span(kZeros).first(1));
  }

  void put(SinkImpl& to, ByteSpan bytes) {
    throw_if_stopped(options_.stop);
    about(to.name(), [&] {
      if (holey_)
        holey_->write_at(written_to_, bytes);
      else
        to.write(bytes);
    });
    written_to_ += bytes.size();
  }

  const RestoreOptions& options_;
  const Runtime runtime_;
  MemoryAccount memory_;
  OpenSource source_;
  ProgressMeter meter_;
  OpenedContainer container_;
  std::optional<StageChain> chain_;
  std::optional<ChainWorker> worker_;
  ChunkSlot slot_;
  SalvagePlan plan_;
  SalvageReport report_;
  PositionalSinkImpl* holey_ = nullptr;  // the sink, if its holes are zeros
  std::uint64_t reached_ = 0;            // plain bytes that were recovered or listed as lost
  std::uint64_t next_chunk_ = 0;
  std::uint64_t written_to_ = 0;
};

}  // namespace

SalvageReport salvage(Source source, Sink sink, RestoreOptions options) {
  Salvaging salvaging(limited(std::move(source), options.rate_limit), options);
  salvaging.find();
  salvaging.write_to(std::move(sink));
  return std::move(salvaging).report();
}

}  // namespace adapipe::inline v0_1
