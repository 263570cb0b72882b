#include "metrics/layouts/huey.h"

#include <algorithm>
#include <iterator>

namespace metrics::layouts {
namespace {

std::string CleanName(std::string_view name) {
  constexpr std::string_view kKept = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  std::string clean;
  std::copy_if(name.begin(), name.end(), std::back_inserter(clean),
               [&](char c) { return kKept.find(c) != std::string_view::npos; });
  return clean;
}

/// A member begins with when it was enqueued, in microseconds: eight bytes, the highest first.
std::optional<TimePoint> TimeOfTask(std::string_view member) {
  constexpr std::size_t kSize = 8;
  if (member.size() < kSize) return std::nullopt;
  std::uint64_t microseconds = 0;
  for (const char c : member.substr(0, kSize)) microseconds = microseconds << 8U | static_cast<unsigned char>(c);
  return TimeFromNumber(static_cast<double>(microseconds), TimeUnit::kMicroseconds);
}

Preset::Keys KeysOf(const HueyOptions& options) {
  const std::string key = "huey.redis.{queue}";
  Preset::Keys keys{.waiting = {{options.priority ? "ZCARD" : "LLEN", key}},
                    .delayed = {{"huey.schedule.{queue}", TimeUnit::kSeconds}}};
  if (options.priority) {
    keys.oldest = OldestJob{.candidates = {{.key = key, .command = "ZRANGE", .last = "999"}},
                            .time = &TimeOfTask,
                            .missing = "it does not begin with a time"};
  }
  return keys;
}

}  // namespace

Huey::Huey(const HueyOptions& options) : Preset(KeysOf(options)), clean_name_(options.clean_name) {}

std::string Huey::NameInKeys(std::string_view queue) const {
  return clean_name_ ? CleanName(queue) : std::string(queue);
}

}  // namespace metrics::layouts
