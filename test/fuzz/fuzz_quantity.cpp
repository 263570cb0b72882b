// Any text is a quantity that is never negative and as large as a plain reading of its digits makes it, or none; what
// we write ourselves is always one.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>

#include "server/wire/quantity.h"
#include "test/fuzz/fuzzing.h"

using fuzzing::Require;
using server::wire::ParseMilli;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzzing::Text(data, size);
  if (const auto milli = ParseMilli(text)) {
    Require(*milli >= 0);
    constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
    // Without a suffix, a zero more is ten times as much.
    if (text.find_first_not_of("0123456789") == std::string_view::npos) {
      const auto more = ParseMilli(std::string(text) + "0");
      Require(more && (*milli == kMost ? *more == kMost : *more == (*milli > kMost / 10 ? kMost : *milli * 10)));
      Require(ParseMilli(std::string(text) + "e0") == milli && ParseMilli("0" + std::string(text)) == milli);
    }
  }
  std::int64_t value = 0;
  std::memcpy(&value, data, std::min(size, sizeof value));
  const auto clamped = server::wire::ClampForHpa(value);
  Require(ParseMilli(server::wire::QuantityText(clamped)) == clamped * 1000);
  return 0;
}
