#include "metrics/layouts/asynq.h"

#include "metrics/layouts/preset.h"

namespace metrics::layouts {
namespace {

constexpr std::string_view kGroup = "asynq:{{queue}}:g:{worker}";

void AskForTask(std::string_view queue, std::string_view task, redis::Batch& batch) {
  batch.Add({"HGET", KeyOf("asynq:{{queue}}:t:{worker}", queue, task), "pending_since"});
}

std::optional<TimePoint> TimeOfTask(std::string_view pending_since) {
  return TimeFromNumber(pending_since, TimeUnit::kNanoseconds);
}

Preset::Keys Keys() {
  return {.waiting = {{"LLEN", "asynq:{{queue}}:pending"}},
          .in_flight = {{"LLEN", "asynq:{{queue}}:active"}},
          .delayed = {{"asynq:{{queue}}:scheduled", TimeUnit::kSeconds}, {"asynq:{{queue}}:retry", TimeUnit::kSeconds}},
          // A task that a worker gave back has no pending_since, so that more than one or two must be looked at.
          .oldest = OldestJob{.candidates = {{.key = "asynq:{{queue}}:pending", .first = "-100", .last = "-1"}},
                              .ask = &AskForTask,
                              .time = &TimeOfTask,
                              .missing = "asynq has no pending_since for tasks that a worker gave back"}};
}

Registry Groups() {
  return {.names = "groups",
          .part = &QueueParts::waiting,
          .count = &QueueCounts::waiting,
          .ask_names =
              [](const QueueRead& read, redis::Batch& batch) {
                batch.Add({"SRANDMEMBER", KeyOf("asynq:{{queue}}:groups", read.queue), kMaxNamesAndOne});
              },
          .ask =
              [](std::string_view queue, std::string_view group, redis::Batch& batch) {
                batch.Add({"ZCARD", KeyOf(kGroup, queue, group)});
              },
          .jobs = [](std::string_view queue, std::string_view group,
                     ReplyCursor& cursor) { return cursor.Count("ZCARD", KeyOf(kGroup, queue, group)); }};
}

/// Tasks that a server is aggregating: the registry has the very names of the keys.
Registry AggregationSets() {
  return {
      .names = "aggregation sets",
      .part = &QueueParts::in_flight,
      .count = &QueueCounts::in_flight,
      .ask_names =
          [](const QueueRead& read, redis::Batch& batch) {
            batch.Add({"ZRANGE", KeyOf("asynq:{{queue}}:aggregation_sets", read.queue), "0", "1000"});
          },
      .ask =
          [](std::string_view, std::string_view set, redis::Batch& batch) {
            batch.Add({"ZCARD", set});
          },
      .jobs = [](std::string_view, std::string_view set, ReplyCursor& cursor) { return cursor.Count("ZCARD", set); }};
}

}  // namespace

Asynq::Asynq() : Registered({Groups(), AggregationSets()}, std::make_unique<Preset>(Keys())) {}

}  // namespace metrics::layouts
