#include "metrics/layouts/bull.h"

namespace metrics::layouts {
namespace {

std::optional<TimePoint> TimeOfJob(std::string_view timestamp) {
  return TimeFromNumber(timestamp, TimeUnit::kMilliseconds);
}

}  // namespace

OldestJob OldestBullJob(const std::string& prefix, std::vector<OldestJob::Candidates> candidates) {
  const auto ask = [before = prefix + ":"](std::string_view queue, std::string_view job, redis::Batch& batch) {
    batch.Add({"HGET", before + std::string(queue) + ":" + std::string(job), "timestamp"});
  };
  return {.candidates = std::move(candidates),
          .ask = ask,
          .time = &TimeOfJob,
          .missing = "Bull has no timestamp for it",
          .no_job = "0:"};
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
