#include "metrics/nearest_name.h"

#include <algorithm>
#include <cctype>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace metrics {
namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

/// How many letters to add, drop, replace or swap with their neighbour (optimal string alignment).
std::size_t Distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> last_but_one;
  std::vector<std::size_t> last(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::vector<std::size_t> row(b.size() + 1, i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], last_but_one[j - 2] + 1);
    }
    last_but_one = std::exchange(last, std::move(row));
  }
  return last.back();
}

}  // namespace

std::optional<std::string_view> NearestName(std::string_view name, std::span<const std::string_view> known) {
  constexpr std::size_t kLongest = 64;  // Nobody misspells more than that.
  constexpr std::size_t kShortestBeginning = 3;
  if (name.size() > kLongest) return std::nullopt;
  const std::string given = Lower(name);
  const std::size_t furthest = std::max<std::size_t>(1, given.size() / 3);
  std::optional<std::string_view> nearest;
  std::size_t least = furthest + 1;
  for (const std::string_view candidate : known) {
    const std::string lower = Lower(candidate);
    const bool begins = given.size() >= kShortestBeginning && lower.starts_with(given);
    const std::size_t distance =
        begins ? std::min<std::size_t>(1, lower.size() - given.size()) : Distance(given, lower);
    if (distance < least) {
      least = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace metrics
