#include "metrics/layouts/laravel.h"

#include "metrics/json.h"

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
  const std::size_t brace = queue.find('{');
  const std::size_t end = queue.find('}', brace);
  const bool has_tag = end != std::string_view::npos && brace != std::string_view::npos && end > brace + 1;
  return hash_tag_ && !has_tag ? "{" + std::string(queue) + "}" : std::string(queue);
}

}  // namespace metrics::layouts
