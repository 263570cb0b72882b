#include "metrics/layouts/bull.h"

#include <algorithm>
#include <chrono>

#include "metrics/json.h"

namespace metrics::layouts {
namespace {

/// When a job was created and for how long it was to wait then, and when it was last begun, if it was: from the fields
/// timestamp, opts and processedOn.
std::optional<TimePoint> TimeOfJob(std::span<const std::string_view> fields) {
  if (fields.size() != 3) return std::nullopt;
  auto time = TimeFromNumber(fields[0], TimeUnit::kMilliseconds);
  if (!time) return std::nullopt;
  if (const auto delay = Json::ParseJob(fields[1])["delay"].Number()) {
    const std::chrono::duration<double, std::milli> created = time->time_since_epoch();
    time = std::max(time, TimeFromNumber(created.count() + *delay, TimeUnit::kMilliseconds));
  }
  return std::max(time, TimeFromNumber(fields[2], TimeUnit::kMilliseconds));
}

bool IsJob(std::string_view element) { return !IsBullMqMarker(element); }

}  // namespace

bool IsBullMqMarker(std::string_view element) { return element == "0" || element.substr(0, 2) == "0:"; }

OldestJob OldestBullJob(const std::string& prefix, std::vector<OldestJob::Candidates> candidates) {
  const auto ask = [before = prefix + ":"](std::string_view queue, std::string_view job, redis::Batch& batch) {
    batch.Add({"HMGET", before + std::string(queue) + ":" + std::string(job), "timestamp", "opts", "processedOn"});
  };
  return {.candidates = std::move(candidates),
          .ask = ask,
          .time_of_fields = &TimeOfJob,
          .missing = "Bull has no timestamp for it",
          .is_job = &IsJob};
}

// The sorted set `priority` repeats jobs of `wait`, so it is not counted. Jobs with a priority are taken before those
// without: the oldest job may be behind them, but hardly behind a thousand.
Bull::Bull(const BullOptions& options)
    : Preset({.waiting = {{"LLEN", options.prefix + ":{queue}:wait"}, {"LLEN", options.prefix + ":{queue}:paused"}},
              .in_flight = {{"LLEN", options.prefix + ":{queue}:active"}},
              .delayed = {{options.prefix + ":{queue}:delayed", TimeUnit::kMilliseconds4096}},
              .oldest = OldestBullJob(
                  options.prefix, {{.key = options.prefix + ":{queue}:wait", .first = "-1000", .last = "-1"},
                                   {.key = options.prefix + ":{queue}:paused", .first = "-1000", .last = "-1"}})}) {}

}  // namespace metrics::layouts
