#include "metrics/go_quote.h"

#include <string>
#include <string_view>

#include "test/support/catch.h"

using metrics::GoQuote;
using namespace std::string_literals;

namespace {

std::string Utf8(char32_t character) {
  std::string text;
  const auto add = [&](char32_t byte) { text += static_cast<char>(byte); };
  if (character < 0x80) {
    add(character);
  } else if (character < 0x800) {
    add(0xc0 | character >> 6);
    add(0x80 | (character & 0x3f));
  } else if (character < 0x10000) {
    add(0xe0 | character >> 12);
    add(0x80 | (character >> 6 & 0x3f));
    add(0x80 | (character & 0x3f));
  } else {
    add(0xf0 | character >> 18);
    add(0x80 | (character >> 12 & 0x3f));
    add(0x80 | (character >> 6 & 0x3f));
    add(0x80 | (character & 0x3f));
  }
  return text;
}

}  // namespace

TEST_CASE("go quote: printable text stands as it is, all else is escaped", "[metrics]") {
  const auto [text, quoted] = GENERATE(table<std::string, std::string>({
      {"", R"("")"},
      {"a b~", R"("a b~")"},
      {R"(say "hi" \o/ 'x')", R"("say \"hi\" \\o/ 'x'")"},
      {"\a\b\t\n\v\f\r", R"("\a\b\t\n\v\f\r")"},
      {"\0\x01\x1b\x7f"s, R"("\x00\x01\x1b\x7f")"},
      {"\u00e4\u4e2d\U0001f600\ufffd", "\"\u00e4\u4e2d\U0001f600\ufffd\""},
      {"\u0080\u00a0\u00ad", R"("\u0080\u00a0\u00ad")"},              // a control, a space, a soft hyphen
      {"\u200b\u2028\ue000\uffff", R"("\u200b\u2028\ue000\uffff")"},  // formats, private use, unassigned
      {"\U000e0001\U0010ffff", R"("\U000e0001\U0010ffff")"},
  }));
  CAPTURE(text);
  CHECK(GoQuote(text) == quoted);
}

TEST_CASE("go quote: bytes that are not UTF-8 are escaped one by one", "[metrics]") {
  const auto [text, quoted] = GENERATE(table<std::string, std::string>({
      {"\x80", R"("\x80")"},    // a continuation without a lead
      {"\xc3", R"("\xc3")"},    // cut short by the end
      {"\xc3(", R"("\xc3(")"},  // cut short by another character
      {"\xe2\x82z", R"("\xe2\x82z")"},
      {"\xc0\xaf", R"("\xc0\xaf")"},  // overlong, in two, three and four bytes
      {"\xe0\x9f\xbf", R"("\xe0\x9f\xbf")"},
      {"\xf0\x8f\xbf\xbf", R"("\xf0\x8f\xbf\xbf")"},
      {"\xed\xa0\x80", R"("\xed\xa0\x80")"},          // a surrogate
      {"\xf4\x90\x80\x80", R"("\xf4\x90\x80\x80")"},  // past U+10FFFF
      {"\xf8\x88\x80\x80\x80\xff", R"("\xf8\x88\x80\x80\x80\xff")"},
  }));
  CAPTURE(quoted);
  CHECK(GoQuote(text) == quoted);
}

TEST_CASE("go quote: what prints is counted as Unicode 15.0 counts it", "[metrics]") {
  int printable = 0;
  for (char32_t character = 0; character <= 0x10ffff; ++character) {
    const bool surrogate = character >= 0xd800 && character < 0xe000;
    const std::string text = Utf8(character);
    if (!surrogate && GoQuote(text) == '"' + text + '"') ++printable;
  }
  // 149,014 graphic characters, less the 17 spaces of which only one prints, less the two that are printable but
  // escaped.
  CHECK(printable == 149014 - 16 - 2);
}
