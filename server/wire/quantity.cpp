#include "server/wire/quantity.h"

#include <algorithm>
#include <limits>
#include <string_view>

namespace server::wire {

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

std::int64_t ClampForHpa(std::int64_t value) {
  return std::clamp<std::int64_t>(value, 0, std::numeric_limits<std::int64_t>::max() / 1000);
}

}  // namespace server::wire
