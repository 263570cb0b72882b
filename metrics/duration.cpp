#include "metrics/duration.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

namespace metrics {
namespace {

/// What a duration may have at most; one more if it is negative.
constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();

constexpr std::array<std::pair<std::string_view, std::uint64_t>, 8> kUnits{{
    {"ns", 1},
    {"us", 1'000},
    {"\u00b5s", 1'000},
    {"\u03bcs", 1'000},
    {"ms", 1'000'000},
    {"s", 1'000'000'000},
    {"m", 60'000'000'000},
    {"h", 3'600'000'000'000},
}};

/// As Go's package time quotes, which is not as its %q does: every byte that is not printable ASCII by its number.
std::string Quote(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < ' ' || byte >= 0x80) {
      quoted += {'\\', 'x', kHex[byte >> 4U], kHex[byte & 0xfU]};
      continue;
    }
    if (c == '"' || c == '\\') {
      quoted += '\\';
    }
    quoted += c;
  }
  return quoted + '"';
}

std::string Invalid(std::string_view text) { return "time: invalid duration " + Quote(text); }

std::string_view TakeDigits(std::string_view& rest) {
  const std::string_view digits = rest.substr(0, std::min(rest.find_first_not_of("0123456789"), rest.size()));
  rest.remove_prefix(digits.size());
  return digits;
}

/// The number that `digits` are; nothing if it is beyond what a duration can be.
std::optional<std::uint64_t> Whole(std::string_view digits) {
  std::uint64_t value = 0;
  for (const char digit : digits) {
    if (value > (kMost + 1) / 10) {
      return std::nullopt;
    }
    value = value * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  return value <= kMost + 1 ? std::optional(value) : std::nullopt;
}

/// Of a unit of `nanoseconds`. Digits beyond what an integer holds do not count.
std::uint64_t Fraction(std::string_view digits, std::uint64_t nanoseconds) {
  std::uint64_t value = 0;
  double scale = 1;
  for (const char digit : digits) {
    if (value > kMost / 10) {
      break;
    }
    value = value * 10 + static_cast<std::uint64_t>(digit - '0');
    scale *= 10;
  }
  return static_cast<std::uint64_t>(static_cast<double>(value) * (static_cast<double>(nanoseconds) / scale));
}

}  // namespace

std::variant<std::chrono::nanoseconds, std::string> ParseDuration(std::string_view text) {
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) {
    rest.remove_prefix(1);
  }
  if (rest == "0") {
    return std::chrono::nanoseconds(0);
  }
  if (rest.empty()) {
    return Invalid(text);
  }
  std::uint64_t total = 0;
  while (!rest.empty()) {
    const std::string_view whole = TakeDigits(rest);
    std::string_view fraction;
    if (rest.starts_with('.')) {
      rest.remove_prefix(1);
      fraction = TakeDigits(rest);
    }
    const auto count = Whole(whole);
    if ((whole.empty() && fraction.empty()) || !count) {
      return Invalid(text);
    }
    const std::string_view unit = rest.substr(0, rest.find_first_of("0123456789."));
    if (unit.empty()) {
      return "time: missing unit in duration " + Quote(text);
    }
    const auto* const known = std::ranges::find(kUnits, unit, &decltype(kUnits)::value_type::first);
    if (known == kUnits.end()) {
      return "time: unknown unit " + Quote(unit) + " in duration " + Quote(text);
    }
    rest.remove_prefix(unit.size());
    const std::uint64_t nanoseconds = known->second;
    if (*count > (kMost + 1) / nanoseconds) {
      return Invalid(text);
    }
    const std::uint64_t part = *count * nanoseconds + Fraction(fraction, nanoseconds);
    if (part > kMost + 1 - total) {
      return Invalid(text);
    }
    total += part;
  }
  if (negative) {
    return std::chrono::nanoseconds(static_cast<std::int64_t>(0 - total));
  }
  return total <= kMost ? std::variant<std::chrono::nanoseconds, std::string>(
                              std::chrono::nanoseconds(static_cast<std::int64_t>(total)))
                        : Invalid(text);
}

}  // namespace metrics
