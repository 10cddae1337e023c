#include "container/rekey.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace adapipe::inline v0_1 {
namespace {

[[noreturn]] void refuse(std::string message) {
  throw Error(errc::invalid_argument, std::move(message));
}

std::vector<Slot> slots_that_stay(const std::vector<Slot>& slots, const SlotChange& change) {
  std::vector<bool> leaves(slots.size(), change.remove_all);
  for (const std::size_t slot : change.remove) {
    if (slot >= slots.size())
      refuse(
          fmt::format("the container has {} key slots, and not the one to remove", slots.size()));
    if (change.remove_all)
      refuse("all key slots are to be removed, so naming one to remove makes no sense");
    if (leaves[slot]) refuse("a key slot to remove is named twice");
    leaves[slot] = true;
  }
  std::vector<Slot> stay;
  for (std::size_t slot = 0; slot < slots.size(); ++slot)
    if (!leaves[slot]) stay.push_back(slots[slot]);
  return stay;
}

void check_change(const std::vector<Slot>& stay, const SlotChange& change) {
  if (change.add.empty() && change.remove.empty() && !change.remove_all)
    refuse("nothing would change: no key slot to add or to remove");
  const std::size_t slots = stay.size() + change.add.size();
  if (slots == 0) refuse("no key slot would be left, so nobody could open the container");
  if (slots > layout::kMaxSlots)
    refuse(fmt::format("the container would have {} key slots; it holds at most {}", slots,
                       layout::kMaxSlots));
  const auto passphrases = std::ranges::count_if(stay, is_passphrase_slot, &Slot::type) +
                           std::ranges::count_if(change.add, [](const Recipient& r) {
                             return r.impl().is_passphrase();
                           });
  if (passphrases > 1)
    refuse("a container has at most one passphrase; remove its slot to give it another");
}

/// Fills what the slots leave of `head_bytes` with padding, whose section has a head of its own.
void pad_to(Header& header, std::size_t head_bytes) {
  header.padding_bytes.reset();
  const std::size_t filled = encode_header(header).size() + layout::kHeaderTagBytes;
  if (filled + layout::kSectionHeadBytes <= head_bytes)
    header.padding_bytes =
        static_cast<std::uint32_t>(head_bytes - filled - layout::kSectionHeadBytes);
}

}  // namespace

std::vector<std::byte> rekeyed_head(const OpenedContainer& container, const SlotChange& change,
                                    RandomSource& random, const std::stop_token& stop) {
  Header header = container.header;
  header.slots = slots_that_stay(container.header.slots, change);
  check_change(header.slots, change);
  const FileKey& file_key = container.schedule->file_key();
  for (const Recipient& recipient : change.add)
    header.slots.push_back(
        recipient.impl().wrap_for_read(file_key, header.file_salt, random, stop));
  pad_to(header, container.records_offset);
  return encode_head(header, container.schedule->header_key().bytes());
}

}  // namespace adapipe::inline v0_1
