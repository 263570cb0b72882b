// The times that frameworks write into Redis: numbers of several units, and ISO 8601.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace metrics::layouts {

using TimePoint = std::chrono::system_clock::time_point;

/// What a time since 1970 is counted in, as the score of a sorted set or as a field.
enum class TimeUnit : std::uint8_t {
  kSeconds,
  kMilliseconds,
  kMicroseconds,
  kNanoseconds,
  kMilliseconds4096,  // Milliseconds times 4096, plus a number that keeps equal times in order: Bull and BullMQ.
};

/// The largest score that is due at `now`, as Redis reads scores.
std::string DueScore(TimePoint now, TimeUnit unit);

/// Below all scores that are times, as Redis reads scores: -inf, for instance, is due and has no time.
std::string FirstScore(TimeUnit unit);

/// Nothing for what is not a number, or is no time that the clock can hold.
std::optional<TimePoint> TimeFromNumber(std::string_view text, TimeUnit unit);
std::optional<TimePoint> TimeFromNumber(double number, TimeUnit unit);

/// "2026-11-24T10:07:00", with or without a fraction, which is dropped, and an offset ("Z", "+01:00"); without one it
/// is UTC. Nothing for anything else.
std::optional<TimePoint> TimeFromIso8601(std::string_view text);

}  // namespace metrics::layouts
