#include "metrics/layouts/bee_queue.h"

#include <algorithm>

#include "metrics/json.h"

namespace metrics::layouts {
namespace {

std::optional<TimePoint> TimeOfJob(std::string_view json) {
  const Json options = Json::ParseJob(json)["options"];
  const auto timestamp = options["timestamp"].Number();
  const auto due = options["delay"].Number();  // A time, in spite of its name.
  const auto time = timestamp ? TimeFromNumber(*timestamp, TimeUnit::kMilliseconds) : std::nullopt;
  return time && due ? std::max(time, TimeFromNumber(*due, TimeUnit::kMilliseconds)) : time;
}

}  // namespace

BeeQueue::BeeQueue(const BeeQueueOptions& options)
    : Preset(
          {.waiting = {{"LLEN", options.prefix + ":{queue}:waiting"}},
           .in_flight = {{"LLEN", options.prefix + ":{queue}:active"}},
           .delayed = {{options.prefix + ":{queue}:delayed", TimeUnit::kMilliseconds}},
           .oldest = OldestJob{
               .candidates = {{.key = options.prefix + ":{queue}:waiting", .first = "-8", .last = "-1"}},
               .ask =
                   [before = options.prefix + ":"](std::string_view queue, std::string_view job, redis::Batch& batch) {
                     batch.Add({"HGET", before + std::string(queue) + ":jobs", job});
                   },
               .time = &TimeOfJob,
               .missing = "bee-queue has no timestamp for it"}}) {}

}  // namespace metrics::layouts
