#include "vectors/draft.hpp"
#include "vectors/keys.hpp"

namespace adapipe::testing {
namespace {

Bytes text_mode(const Bytes& bytes, std::string_view from, std::string_view to) {
  std::string text(as_text(bytes));
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return from_text(text);
}

/// header_bytes says `delta` more than there is; sums and tags fit.
void add_to_header_bytes(Sealed& sealed, std::uint32_t delta) {
  std::byte* const field = sealed.bytes.data() + 12;
  store_le(field, load_le<std::uint32_t>(field) + delta);
}

SealedChanges preamble_changes() {
  const auto cut = [](std::size_t size) { return [=](Sealed& s) { s.bytes.resize(size); }; };
  return {
      {"empty-file", cut(0)},
      {"one-byte-of-magic", cut(1)},
      {"cut-in-magic", cut(7)},
      {"cut-in-preamble", cut(15)},
      {"cut-behind-preamble", cut(16)},
      {"cut-in-header", cut(100)},
      {"cut-in-header-sum", [](Sealed& s) { s.bytes.resize(s.header_tag - 1); }},
      {"cut-in-header-tag", [](Sealed& s) { s.bytes.resize(s.header_tag + 31); }},
      {"cut-behind-header-tag", [](Sealed& s) { s.bytes.resize(s.header_tag + 32); }},
      {"other-short-file", [](Sealed& s) { s.bytes = from_text("hello"); }},
      {"other-file", [](Sealed& s) { s.bytes = from_text("this is some other kind of file\n"); }},
      {"magic-wrong", [](Sealed& s) { s.bytes[7] = std::byte{0x0B}; }},
      {"text-mode-crlf-to-lf", [](Sealed& s) { s.bytes = text_mode(s.bytes, "\r\n", "\n"); }},
      {"text-mode-lf-to-crlf", [](Sealed& s) { s.bytes = text_mode(s.bytes, "\n", "\r\n"); }},
      {"text-mode-seven-bits",
       [](Sealed& s) {
         for (std::byte& b : s.bytes) b &= std::byte{0x7F};
       }},
      {"major-2-and-nothing-else",
       [](Sealed& s) {
         s.bytes.resize(16);
         s.bytes[8] = std::byte{2};
       }},
      {"header-bytes-beyond-1-mib",
       [](Sealed& s) { store_le(s.bytes.data() + 12, std::uint32_t{(1 << 20) + 1}); }},
      {"header-bytes-largest", [](Sealed& s) { store_le(s.bytes.data() + 12, UINT32_MAX); }},
      {"header-bytes-beyond-the-end",
       [](Sealed& s) { store_le(s.bytes.data() + 12, std::uint32_t{1 << 20}); }},
      {"header-bytes-one-more", [](Sealed& s) { add_to_header_bytes(s, 1); }},
      {"header-bytes-one-less", [](Sealed& s) { add_to_header_bytes(s, UINT32_MAX); }},
      {"header-sum-wrong", [](Sealed& s) { s.bytes[s.header_sum] ^= std::byte{1}; }},
      {"header-changed", [](Sealed& s) { s.bytes[24] ^= std::byte{1}; }},
      {"minor-changed", [](Sealed& s) { s.bytes[10] ^= std::byte{1}; }},
  };
}

/// The only change that a sum does not find, because it is made anew.
void forge_minor(Sealed& sealed) {
  sealed.bytes[10] = std::byte{1};
  const std::uint64_t sum = XXH3_64bits(sealed.bytes.data(), sealed.header_sum);
  store_le(sealed.bytes.data() + sealed.header_sum, sum);
}

SealedChanges tag_changes(const std::string& prefix) {
  return {
      {prefix + "header-tag-wrong", [](Sealed& s) { s.bytes[s.header_tag + 31] ^= std::byte{1}; }},
      {prefix + "header-forged-with-its-sum", forge_minor},
  };
}

/// How the sections follow each other.
DraftChanges order_changes() {
  DraftChanges out = {
      {"major-2", [](Draft& d) { d.major = 2; }},
      {"major-0", [](Draft& d) { d.major = 0; }},
      {"sections-out-of-order", [](Draft& d) { std::swap(d.sections[0], d.sections[1]); }},
      {"unknown-section-out-of-order",
       [](Draft& d) {
         d.sections.insert(d.sections.begin(), {10, 0, {}});
       }},
      {"section-flag-that-does-not-exist", [](Draft& d) { d.sections[0].flags = 3; }},
      {"unknown-section-flag-that-does-not-exist",
       [](Draft& d) {
         d.with({10, 2, {}});
       }},
      {"unknown-critical-section",
       [](Draft& d) {
         d.with({10, 1, {}});
       }},
      {"section-0-critical",
       [](Draft& d) {
         d.sections.insert(d.sections.begin(), {0, 1, {}});
       }},
      {"no-header", [](Draft& d) { d.sections.clear(); }},
  };
  const std::pair<const char*, std::uint16_t> once[] = {{"chunk-bytes", 1}, {"integrity", 2},
                                                        {"cipher", 3},      {"file-salt", 4},
                                                        {"plain-bytes", 7}, {"padding", 9}};
  for (const auto& [name, tag] : once) {
    const auto put_optional = [t = tag](Draft& d) {
      if (t == 7) d.with({7, 0, from_hex("0b 00 00 00 00 00 00 00")});
      if (t == 9) d.with({9, 0, Bytes(2)});
    };
    out.emplace_back(name + std::string("-twice"), [=, t = tag](Draft& d) {
      put_optional(d);
      d.with(section(d.sections, t));
    });
    out.emplace_back(name + std::string("-wrong-critical-flag"), [=, t = tag](Draft& d) {
      put_optional(d);
      section(d.sections, t).flags ^= 1;
    });
    if (tag == 9) continue;
    out.emplace_back(name + std::string("-too-long"), [=, t = tag](Draft& d) {
      put_optional(d);
      section(d.sections, t).value.push_back({});
    });
    out.emplace_back(name + std::string("-too-short"), [=, t = tag](Draft& d) {
      put_optional(d);
      section(d.sections, t).value.pop_back();
    });
    if (tag < 7)
      out.emplace_back(name + std::string("-missing"), [t = tag](Draft& d) { d.without(t); });
  }
  return out;
}

DraftChanges value_changes() {
  const auto value = [](std::uint16_t tag, const char* hex) {
    return [=](Draft& d) { section(d.sections, tag).value = from_hex(hex); };
  };
  return {
      {"chunk-bytes-4095", value(1, "ff 0f 00 00")},
      {"chunk-bytes-beyond-256-mib", value(1, "01 00 00 10")},
      {"integrity-unknown", value(2, "03 00")},
      {"integrity-0", value(2, "00 00")},
      {"cipher-unknown", value(3, "04 00")},
      {"cipher-32767", value(3, "ff 7f")},
      {"cipher-of-a-host", value(3, "00 80")},
      {"cipher-0", value(3, "00 00")},
      {"plain-bytes-beyond-2-to-the-52",
       [](Draft& d) {
         d.with({7, 0, from_hex("01 00 00 00 00 00 10 00")});
       }},
      {"stage-wrong-critical-flag",
       [](Draft& d) {
         d.with_stage("org.example.xor", from_hex("00"));
         section(d.sections, 5).flags = 0;
       }},
      {"stage-id-empty", [](Draft& d) { d.with_stage("", from_hex("00")); }},
      {"stage-id-beyond-section",
       [](Draft& d) {
         d.with({5, 1, from_text("\x0forg.example.xo")});
       }},
      {"stage-section-empty",
       [](Draft& d) {
         d.with({5, 1, {}});
       }},
      {"seventeen-stages",
       [](Draft& d) {
         for (int i = 0; i < 17; ++i) d.with_stage("org.example.xor", from_hex("00"));
       }},
      {"stage-unknown", [](Draft& d) { d.with_stage("org.example.unknown"); }},
      {"stage-unknown-and-no-end", [](Draft& d) { d.with_stage("org.example.unknown"); }},
      {"slot-wrong-critical-flag", [](Draft& d) { section(d.sections, 6).flags = 0; }},
      {"slot-missing", [](Draft& d) { d.without(6); }},
      {"slot-section-of-one-byte", [](Draft& d) { section(d.sections, 6).value.resize(1); }},
      {"sixty-five-slots",
       [](Draft& d) {
         for (int i = 0; i < 64; ++i) d.with_slot({.type = 8});
       }},
      {"padding-not-zero",
       [](Draft& d) {
         d.with({9, 0, from_hex("00 01 00")});
       }},
  };
}

DraftChanges metadata_changes() {
  const auto pair = [](std::string_view key, std::string_view value) {
    ByteWriter out;
    out.put(static_cast<std::uint16_t>(key.size())).put(as_bytes(key)).put(as_bytes(value));
    return RawSection{8, 0, std::move(out).take()};
  };
  const auto with = [=](std::string_view key, std::string_view value) {
    return [=](Draft& d) { d.with(pair(key, value)); };
  };
  return {
      {"metadata-wrong-critical-flag",
       [=](Draft& d) {
         d.with(pair("k", "v"));
         section(d.sections, 8).flags = 1;
       }},
      {"metadata-key-twice", [=](Draft& d) { d.with(pair("k", "1")).with(pair("k", "2")); }},
      {"metadata-key-beyond-section",
       [](Draft& d) {
         d.with({8, 0, from_text(std::string_view("\x02\0k", 3))});
       }},
      {"metadata-section-of-one-byte",
       [](Draft& d) {
         d.with({8, 0, Bytes(1)});
       }},
      {"metadata-key-not-utf-8", with("\xFF", "v")},
      {"metadata-value-not-utf-8", with("k", "\x80")},
      {"metadata-utf-8-cut-short", with("k", "\xE2\x82")},
      {"metadata-utf-8-overlong", with("k", "\xC0\xAF")},
      {"metadata-utf-8-surrogate", with("k", "\xED\xA0\x80")},
      {"metadata-utf-8-beyond-unicode", with("k", "\xF4\x90\x80\x80")},
      {"metadata-beyond-64-kib", [=](Draft& d) { d.with(pair("k", std::string(65'536, 'v'))); }},
  };
}

}  // namespace

VectorFiles broken_headers() {
  VectorFiles out;
  add_sealed(out, "broken", encrypted_draft(), preamble_changes());
  add_sealed(out, "broken", encrypted_draft(), tag_changes(""));
  add_sealed(out, "broken", plain_draft(), tag_changes("checksum-"));
  for (const DraftChanges& changes : {order_changes(), value_changes(), metadata_changes()})
    add_drafts(out, "broken", encrypted_draft(), changes);
  Bytes& no_end = out.at("broken/stage-unknown-and-no-end.adp");
  no_end.resize(no_end.size() - layout::kTrailerBytes);
  add_drafts(
      out, "broken", plain_draft(),
      {{"checksum-with-cipher",
        [](Draft& d) {
          d.with({3, 1, from_hex("01 00")});
        }},
       {"checksum-with-slot", [](Draft& d) { d.with_slot(draft_slot(shared_vector_key())); }}});
  return out;
}

}  // namespace adapipe::testing
