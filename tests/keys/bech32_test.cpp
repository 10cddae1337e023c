#include "keys/bech32.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include "support/bytes.hpp"
#include "support/catch.hpp"

using namespace adapipe;
using namespace adapipe::testing;

namespace {

std::string encode(std::string_view prefix, const Bytes& data) {
  return std::string(as_text(bech32_encode(prefix, data).bytes()));
}

const std::string kText = "adp1p74xsnkj3pnmjl62dgk7uh0ce6t5ua4hqx8r7g4pcn8jv7zhpusqnu5dch";

bool decodes(std::string_view text, std::string_view prefix = "adp", std::size_t size = 32) {
  Bytes data(size);
  return bech32_decode(prefix, text, data);
}

std::string capitals(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

}  // namespace

// Those test vectors of BIP 173 whose data are whole bytes, and one made by another implementation.
TEST_CASE("Bech32 gives the texts of BIP 173, and reads them in either case") {
  struct Case {
    std::string_view prefix;
    std::string_view data;
    std::string text;
  };
  const Case cases[] = {
      {"a", "", "a12uel5l"},
      {"an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio", "",
       "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tg"
       "s"},
      {"abcdef", "00443214c74254b635cf84653a56d7c675be77df",
       "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw"},
      {"split", "c5f38b70305f519bf66d85fb6cf03058f3dde463ecd7918f2dc743918f2d",
       "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w"},
      {"adp", "0faa684ed28867b97f4a6a2dee5df8ce974e76b7018e3f22a1c4cf2678570f20", kText},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    const Bytes data = from_hex(c.data);
    CHECK(encode(c.prefix, data) == c.text);
    for (const std::string& text : {c.text, capitals(c.text)}) {
      Bytes back(data.size());
      CHECK(bech32_decode(c.prefix, text, back));
      CHECK(back == data);
    }
  }
}

TEST_CASE("any one or two wrong characters of a Bech32 text are noticed") {
  REQUIRE(decodes(kText));
  const std::string_view digits = "qpzry9x8gf2tvdw0s3jn54khce6mua7l1b";
  for (std::size_t at = 0; at < kText.size(); ++at)
    for (const char wrong : digits) {
      std::string text = kText;
      if (text[at] == wrong) continue;
      text[at] = wrong;
      CHECK_FALSE(decodes(text));
      std::string two = text;
      two[(at + 7) % two.size()] = two[(at + 7) % two.size()] == 'x' ? 'y' : 'x';
      CHECK_FALSE(decodes(two));
    }
}

TEST_CASE("a Bech32 text of any other length, prefix or case is refused") {
  // The capital is that of the letter in its place, so that nothing else is wrong.
  std::string mixed = kText;
  const auto letter =
      std::find_if(mixed.begin() + 4, mixed.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  REQUIRE(letter != mixed.end());
  *letter = static_cast<char>(*letter & ~0x20);
  std::string mixed_prefix = kText;
  mixed_prefix[0] = 'A';
  const std::string cases[] = {"",
                               "adp1",
                               "1",
                               kText.substr(1),
                               kText.substr(0, kText.size() - 1),
                               kText + 'q',
                               ' ' + kText,
                               kText + '\n',
                               mixed,
                               mixed_prefix,
                               std::string(90, 'q'),
                               std::string(100'000, 'q')};
  for (const std::string& text : cases) CHECK_FALSE(decodes(text));
  CHECK_FALSE(decodes(kText, "adq"));
  CHECK_FALSE(decodes(kText, "ad"));
  CHECK_FALSE(decodes(kText, "adp1"));
  CHECK_FALSE(decodes(kText, "adp", 31));
  CHECK_FALSE(decodes(kText, "adp", 33));
}

TEST_CASE("bits behind the last byte of a Bech32 text are zero") {
  // The same 32 bytes with the last of the four spare bits set and the checksum made right.
  CHECK_FALSE(decodes("adp1p74xsnkj3pnmjl62dgk7uh0ce6t5ua4hqx8r7g4pcn8jv7zhpuspw2qc99"));
}
