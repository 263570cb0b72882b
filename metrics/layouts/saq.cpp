#include "metrics/layouts/saq.h"

#include <algorithm>

#include "metrics/json.h"

namespace metrics::layouts {
namespace {

void AskForJob(std::string_view /*queue*/, std::string_view job, redis::Batch& batch) { batch.Add({"GET", job}); }

std::optional<TimePoint> TimeOfJob(std::string_view json) {
  const Json parsed = Json::ParseJob(json);
  const auto queued = parsed["queued"].Number();
  const auto scheduled = parsed["scheduled"].Number();
  const auto time = queued ? TimeFromNumber(*queued, TimeUnit::kMilliseconds) : std::nullopt;
  return time && scheduled ? std::max(time, TimeFromNumber(*scheduled, TimeUnit::kSeconds)) : time;
}

}  // namespace

Saq::Saq()
    : Preset({.waiting = {{"LLEN", "saq:{queue}:queued"}},
              .in_flight = {{"LLEN", "saq:{queue}:active"}},
              .delayed = {{.key = "saq:{queue}:incomplete", .unit = TimeUnit::kSeconds, .lowest = "(0"}},
              .oldest = OldestJob{.candidates = {{.key = "saq:{queue}:queued"}},
                                  .ask = &AskForJob,
                                  .time = &TimeOfJob,
                                  .missing = "SAQ has no time at which it was queued"}}) {}

}  // namespace metrics::layouts
