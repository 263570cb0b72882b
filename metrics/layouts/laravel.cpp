#include "metrics/layouts/laravel.h"

#include "metrics/json.h"
#include "metrics/redis/cluster_slots.h"

namespace metrics::layouts {
namespace {

std::optional<TimePoint> TimeOfJob(std::string_view json) {
  const auto created = Json::ParseJob(json)["createdAt"].Number();
  return created ? TimeFromNumber(*created, TimeUnit::kSeconds) : std::nullopt;
}

Preset::Keys KeysOf(const LaravelOptions& options) {
  const std::string key = options.prefix + "queues:{queue}";
  return {.waiting = {{"LLEN", key}},
          // Scored by when the reservation ends, which is not renewed: a job beyond it may well be running.
          .in_flight = {{"ZCARD", key + ":reserved"}},
          .delayed = {{key + ":delayed", TimeUnit::kSeconds}},
          // Jobs that are released, or whose reservation has ended, come back at the end.
          .oldest = OldestJob{.candidates = {{.key = key, .last = "0"}, {.key = key, .first = "-8", .last = "-1"}},
                              .time = &TimeOfJob,
                              .missing = "its payload has no createdAt, which Laravel writes since 12.11"}};
}

}  // namespace

Laravel::Laravel(const LaravelOptions& options) : Preset(KeysOf(options)), hash_tag_(options.hash_tag) {}

std::string Laravel::NameInKeys(std::string_view queue) const {
  return hash_tag_ && !redis::HashTag(queue) ? "{" + std::string(queue) + "}" : std::string(queue);
}

}  // namespace metrics::layouts
