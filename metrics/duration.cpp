#include "metrics/duration.h"

#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <utility>

namespace metrics {
namespace {

constexpr std::array<std::pair<std::string_view, double>, 8> kUnits{{
    {"ns", 1},
    {"us", 1e3},
    {"\u00b5s", 1e3},
    {"\u03bcs", 1e3},
    {"ms", 1e6},
    {"s", 1e9},
    {"m", 60e9},
    {"h", 3600e9},
}};

std::string Invalid(std::string_view text) { return "time: invalid duration \"" + std::string(text) + "\""; }

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
  double total = 0;
  while (!rest.empty()) {
    const std::size_t number_end = std::min(rest.find_first_not_of("0123456789."), rest.size());
    const std::string number(rest.substr(0, number_end));
    if (number.find_first_of("0123456789") == std::string::npos || number.find('.') != number.rfind('.')) {
      return Invalid(text);
    }
    rest.remove_prefix(number_end);
    const std::size_t unit_end = std::min(rest.find_first_of("0123456789."), rest.size());
    const std::string_view unit = rest.substr(0, unit_end);
    if (unit.empty()) {
      return "time: missing unit in duration \"" + std::string(text) + "\"";
    }
    double factor = 0;
    for (const auto& [name, nanoseconds] : kUnits) {
      if (name == unit) {
        factor = nanoseconds;
      }
    }
    if (factor == 0) {
      return "time: unknown unit \"" + std::string(unit) + "\" in duration \"" + std::string(text) + "\"";
    }
    rest.remove_prefix(unit_end);
    total += std::strtod(number.c_str(), nullptr) * factor;  // Too long for a double: infinity.
    if (total >= static_cast<double>(std::numeric_limits<std::int64_t>::max())) {
      return Invalid(text);
    }
  }
  return std::chrono::nanoseconds(std::llround(negative ? -total : total));
}

}  // namespace metrics
