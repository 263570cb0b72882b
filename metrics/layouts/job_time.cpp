#include "metrics/layouts/job_time.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace metrics::layouts {
namespace {

using std::chrono::duration_cast;

/// In seconds: the year 2255, which nanoseconds in 64 bits still reach, and as far before 1970.
constexpr double kLatest = 9e9;

/// Takes a decimal number of `digits` digits off the front of `text`.
std::optional<int> TakeNumber(std::string_view& text, std::size_t digits) {
  int number = 0;
  if (text.size() < digits) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, number);
  if (error != std::errc() || end != text.data() + digits || number < 0) return std::nullopt;
  text.remove_prefix(digits);
  return number;
}

bool Take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

std::string_view TakeDigits(std::string_view& text) {
  const std::string_view digits = text.substr(0, text.find_first_not_of("0123456789"));
  text.remove_prefix(digits.size());
  return digits;
}

/// What `text` says the local time is ahead of UTC.
std::optional<std::chrono::minutes> OffsetFrom(std::string_view text) {
  if (text.empty() || text == "Z") return std::chrono::minutes(0);
  const int sign = text.front() == '-' ? -1 : 1;
  if (!Take(text, "+-")) return std::nullopt;
  const auto hours = TakeNumber(text, 2);
  Take(text, ":");
  const auto minutes = TakeNumber(text, 2);
  if (!hours || !minutes || !text.empty()) return std::nullopt;
  return sign * (std::chrono::hours(*hours) + std::chrono::minutes(*minutes));
}

double UnitsPerSecond(TimeUnit unit) {
  switch (unit) {
    case TimeUnit::kSeconds:
      return 1;
    case TimeUnit::kMilliseconds:
      return 1e3;
    case TimeUnit::kMicroseconds:
      return 1e6;
    case TimeUnit::kNanoseconds:
      return 1e9;
    case TimeUnit::kMilliseconds4096:
      return 4096e3;
  }
  std::abort();
}

}  // namespace

std::string DueScore(TimePoint now, TimeUnit unit) {
  const auto since_1970 = now.time_since_epoch();
  const std::int64_t milliseconds = duration_cast<std::chrono::milliseconds>(since_1970).count();
  switch (unit) {
    case TimeUnit::kSeconds: {
      const std::string fraction = std::to_string(1000 + milliseconds % 1000);
      return std::to_string(milliseconds / 1000) + '.' + fraction.substr(1);
    }
    case TimeUnit::kMilliseconds:
      return std::to_string(milliseconds);
    case TimeUnit::kMicroseconds:
      return std::to_string(duration_cast<std::chrono::microseconds>(since_1970).count());
    case TimeUnit::kNanoseconds:
      return std::to_string(duration_cast<std::chrono::nanoseconds>(since_1970).count());
    case TimeUnit::kMilliseconds4096:
      return std::to_string(milliseconds * 4096 + 4095);
  }
  std::abort();
}

std::string FirstScore(TimeUnit unit) {
  return "(" + std::to_string(static_cast<std::int64_t>(-kLatest * UnitsPerSecond(unit)));
}

std::optional<TimePoint> TimeFromNumber(double number, TimeUnit unit) {
  const std::chrono::duration<double> seconds(number / UnitsPerSecond(unit));
  if (!(std::abs(seconds.count()) < kLatest)) return std::nullopt;
  return TimePoint(duration_cast<TimePoint::duration>(seconds));
}

std::optional<TimePoint> TimeFromNumber(std::string_view text, TimeUnit unit) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return TimeFromNumber(number, unit);
}

std::optional<TimePoint> TimeFromIso8601(std::string_view text) {
  std::array<int, 6> fields{};  // Year, month, day, hour, minute, second.
  constexpr auto kSeparators = std::to_array<std::string_view>({"", "-", "-", "T ", ":", ":"});
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i > 0 && !Take(text, kSeparators[i])) return std::nullopt;
    const auto number = TakeNumber(text, i == 0 ? 4 : 2);
    if (!number) return std::nullopt;
    fields[i] = *number;
  }
  const auto [year, month, day, hour, minute, second] = fields;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  if (Take(text, ".,") && TakeDigits(text).empty()) return std::nullopt;
  const auto offset = OffsetFrom(text);
  if (!offset) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second) - *offset;
}

}  // namespace metrics::layouts
