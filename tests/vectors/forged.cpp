#include "keys/passphrase.hpp"
#include "keys/provider_slot.hpp"
#include "vectors/draft.hpp"
#include "vectors/keys.hpp"

namespace adapipe::testing {
namespace {

/// A slot of `type` that this version gives no meaning.
Slot unknown_slot(std::uint16_t type) { return {.type = type, .body = from_text("whatever")}; }

/// Not every OpenSSL has Argon2id, so the secret comes from the reference implementation: `printf
/// 'schöne Grüße' | argon2 "adapipe/1 argon2id$salt" -id -t 2 -k 64 -p 2 -l 32 -r`, where the salt
/// is as below.
Slot argon2id_slot() {
  ByteWriter parameters;
  parameters.put(as_bytes("A salt of exactly 32 characters."));
  parameters.put(std::uint32_t{64}).put(std::uint32_t{2}).put(std::uint8_t{2});
  const Bytes secret = from_hex("c77cd7ad3158802bdcea2bcd3fc813d0a3d986ab9ffb5a65c9b7c9690c15f6f8");
  return draft_slot(kSlotArgon2id, std::move(parameters).take(), secret);
}

/// The key pair of RFC 7748, section 6.1: Alice's.
X25519PublicKey other_owner() {
  const Bytes key = from_hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  return X25519PublicKey::from_bytes(std::span<const std::byte, 32>(key));
}

/// The shared key's slot, with another file key in it than the container's.
Slot other_file_key_slot() { return draft_slot(shared_vector_key(), 1); }

DraftChanges header_changes() {
  return {
      {"minor-7", [](Draft& d) { d.minor = 7; }},
      {"padding",
       [](Draft& d) {
         d.with({9, 0, Bytes(100)});
       }},
      {"padding-of-nothing",
       [](Draft& d) {
         d.with({9, 0, {}});
       }},
      {"unknown-header-section",
       [](Draft& d) {
         d.with({10, 0, from_text("later")}).with({10, 0, from_text("later")});
         d.with({0xFFFF, 0, {}});
       }},
      {"sixteen-stages",
       [](Draft& d) {
         for (std::uint8_t i = 0; i < 16; ++i) d.with_stage("org.example.xor", {std::byte{i}});
         d.chunks[0].skipped = 0xFFFF;
         for (const std::size_t chunk : {1u, 2u}) d.chunks[chunk].skipped = 0x7FFF;
         for (std::byte& b : d.chunks[1].data) b ^= std::byte{15};
         for (std::byte& b : d.chunks[2].data) b ^= std::byte{15};
       }},
      {"chunk-bytes-largest",
       [](Draft& d) { section(d.sections, 1).value = from_hex("00 00 00 10"); }},
      {"short-chunks", [](Draft&) {}},
  };
}

DraftChanges slot_changes() {
  const auto beyond_limit = [] {
    return draft_slot(
        kSlotScrypt, std::move(ByteWriter().zeros(32).put(from_hex("16 08 01"))).take(), Bytes(32));
  };
  return {
      {"slot-argon2id", [](Draft& d) { d.with_slots({}).with_slot(argon2id_slot()); }},
      {"slot-unknown-types",
       [](Draft& d) {
         d.with_slots({}).with_slot(unknown_slot(6));
         d.with_slot(draft_slot(shared_vector_key())).with_slot(unknown_slot(7));
         d.with_slot(unknown_slot(32767)).with_slot(unknown_slot(0));
       }},
      {"slot-provider-last-type",
       [](Draft& d) {
         Slot slot = draft_slot(vector_provider());
         slot.type = 65535;
         d.with_slots({}).with_slot(slot);
       }},
      {"slot-another-file-key-first",
       [](Draft& d) {
         d.with_slots({}).with_slot(other_file_key_slot());
         d.with_slot(draft_slot(shared_vector_key()));
       }},
      {"slot-beyond-limits-first",
       [=](Draft& d) {
         d.with_slots({}).with_slot(beyond_limit()).with_slot(draft_slot(shared_vector_key()));
       }},
      {"slots-of-two-owners",
       [](Draft& d) {
         d.with_slots({other_owner(), vector_identity()});
       }},
      {"sixty-four-slots",
       [](Draft& d) {
         d.with_slots({});
         for (int i = 0; i < 63; ++i) d.with_slot(unknown_slot(8));
         d.with_slot(draft_slot(vector_provider()));
       }},
  };
}

/// The digest covers "one", "two", "three".
DraftChanges index_changes() {
  const auto with_sections = [](Draft& d, const RawSections& sections) {
    d.index = index_of(d);
    for (const RawSection& section : sections) put_section(d.index->data, section);
  };
  const auto digest = [](std::uint8_t algorithm, const Digest256& value) {
    return RawSection{1, 0, std::move(ByteWriter().put(algorithm).put(value)).take()};
  };
  return {
      {"index-digest-1",
       [=](Draft& d) {
         const auto [one, two, three] = std::tuple(
             sha256({as_bytes("one")}), sha256({as_bytes("two")}), sha256({as_bytes("three")}));
         with_sections(d, {digest(1, sha256({one, two, three}))});
       }},
      {"index-digest-2",
       [=](Draft& d) { with_sections(d, {digest(2, sha256({as_bytes("onetwothree")}))}); }},
      {"index-private-metadata",
       [=](Draft& d) {
         with_sections(d, {{2, 0, from_text("private")}});
       }},
      {"index-unknown-section",
       [=](Draft& d) {
         with_sections(d, {digest(2, sha256({as_bytes("onetwothree")})),
                           {3, 0, from_text("later")},
                           {0xFFFF, 0, {}}});
       }},
      {"index-empty-of-unknown-section",
       [=](Draft& d) {
         d.chunks.clear();
         with_sections(d, {{3, 0, from_text("later")}});
       }},
  };
}

}  // namespace

VectorFiles forged_vectors() {
  VectorFiles out;
  for (const DraftChanges& changes : {header_changes(), slot_changes(), index_changes()})
    add_drafts(out, "golden", encrypted_draft(), changes);
  add_drafts(out, "golden", plain_draft(),
             {{"checksum-short-chunks", [](Draft&) {}}, {"checksum-padding", [](Draft& d) {
                                                           d.with({9, 0, Bytes(3)});
                                                         }}});
  return out;
}

}  // namespace adapipe::testing
