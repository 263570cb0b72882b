#include "server/wire/quantity.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <string_view>

namespace server::wire {

namespace {

constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();

std::int64_t Times(std::int64_t value, std::int64_t factor) {
  return value > kLargest / factor ? kLargest : value * factor;
}

/// A suffix as powers of ten and of 1024.
struct Scale {
  int tens = 0;
  int kibis = 0;
};

std::optional<Scale> ParseSuffix(std::string_view suffix) {
  constexpr std::string_view kSmall = "num";
  constexpr std::string_view kLarge = "kMGTPE";
  constexpr std::string_view kBinary = "KMGTPE";
  if (suffix.empty()) {
    return Scale{};
  }
  if (suffix.size() == 1) {
    if (const auto small = kSmall.find(suffix.front()); small != std::string_view::npos) {
      return Scale{.tens = 3 * static_cast<int>(small) - 9};
    }
    const auto large = kLarge.find(suffix.front());
    return large == std::string_view::npos ? std::nullopt
                                           : std::optional(Scale{.tens = 3 * static_cast<int>(large) + 3});
  }
  if (suffix.size() == 2 && suffix.back() == 'i') {
    const auto binary = kBinary.find(suffix.front());
    return binary == std::string_view::npos ? std::nullopt
                                            : std::optional(Scale{.kibis = static_cast<int>(binary) + 1});
  }
  if (suffix.front() != 'e' && suffix.front() != 'E') {
    return std::nullopt;
  }
  suffix.remove_prefix(suffix[1] == '+' ? 2 : 1);
  int exponent = 0;
  const auto [end, error] = std::from_chars(suffix.data(), suffix.data() + suffix.size(), exponent);
  constexpr int kLongest = 100;
  const bool good = error == std::errc{} && end == suffix.data() + suffix.size() && std::abs(exponent) <= kLongest;
  return good ? std::optional(Scale{.tens = exponent}) : std::nullopt;
}

}  // namespace

std::string QuantityText(std::int64_t value) {
  constexpr std::string_view kSuffixes = "kMGTPE";
  std::size_t thousands = 0;
  while (value != 0 && value % 1000 == 0) {
    value /= 1000;
    ++thousands;
  }
  std::string text = std::to_string(value);
  if (thousands > 0) {
    text += kSuffixes[thousands - 1];
  }
  return text;
}

std::optional<std::int64_t> ParseMilli(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789";
  if (text.starts_with('+')) {
    text.remove_prefix(1);
  }
  const std::size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view number = text.substr(0, end);
  const auto scale = ParseSuffix(text.substr(end));
  const std::size_t point = std::min(number.find('.'), number.size());
  if (!scale || number.find_first_of(kDigits) == std::string_view::npos ||
      (point < number.size() && number.find('.', point + 1) != std::string_view::npos)) {
    return std::nullopt;
  }
  std::int64_t value = 0;
  int tens = scale->tens + 3;
  bool more = false;  // Digits below what an int64 holds: they only matter for rounding up.
  for (std::size_t i = 0; i < number.size(); ++i) {
    if (i == point) {
      continue;
    }
    const int digit = number[i] - '0';
    if (value > (kLargest - digit) / 10) {
      if (i < point) {
        return kLargest;
      }
      more = more || digit > 0;
      continue;
    }
    value = value * 10 + digit;
    tens -= i > point ? 1 : 0;
  }
  for (int i = 0; i < scale->kibis; ++i) {
    value = Times(value, 1024);
  }
  for (; tens > 0 && value > 0 && value < kLargest; --tens) {
    value = Times(value, 10);
  }
  for (; tens < 0 && (value > 1 || more); ++tens) {
    more = more || value % 10 > 0;
    value /= 10;
  }
  more = more || (tens < 0 && value > 0);
  return tens < 0 ? (more ? 1 : 0) : value + (more && value < kLargest ? 1 : 0);
}

std::int64_t ClampForHpa(std::int64_t value) {
  return std::clamp<std::int64_t>(value, 0, std::numeric_limits<std::int64_t>::max() / 1000);
}

}  // namespace server::wire
