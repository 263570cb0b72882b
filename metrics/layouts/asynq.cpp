#include "metrics/layouts/asynq.h"

#include <chrono>
#include <string>

#include "metrics/layouts/preset.h"

namespace metrics::layouts {
namespace {

constexpr std::chrono::minutes kClocksDiffer{1};  // At the most.
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

/// "host:1:id" of "asynq:workers:{host:1:id}".
std::string ServerOf(std::string_view workers) {
  const auto begin = workers.find('{');
  return std::string(begin == std::string_view::npos ? "" : workers.substr(begin + 1, workers.size() - begin - 2));
}

void AskForGroups(const QueueRead& read, redis::Batch& batch) {
  batch.Add({"SRANDMEMBER", KeyOf("asynq:{{queue}}:groups", read.queue), kMaxNamesAndOne});
}

Registry Groups() {
  return {.names = "groups",
          .part = &QueueParts::waiting,
          .count = &QueueCounts::waiting,
          .ask_names = &AskForGroups,
          .ask =
              [](std::string_view queue, std::string_view group, redis::Batch& batch) {
                batch.Add({"ZCARD", KeyOf(kGroup, queue, group)});
              },
          .entry = [](std::string_view queue, std::string_view group,
                      ReplyCursor& cursor) { return Entry{cursor.Count("ZCARD", KeyOf(kGroup, queue, group))}; }};
}

/// A group's tasks are scored by when they came.
Registry AgesOfGroups() {
  return {.names = "groups",
          .part = &QueueParts::oldest_age,
          .ask_names = &AskForGroups,
          .ask =
              [](std::string_view queue, std::string_view group, redis::Batch& batch) {
                batch.Add({"ZRANGE", KeyOf(kGroup, queue, group), "0", "0", "WITHSCORES"});
              },
          .entry =
              [](std::string_view queue, std::string_view group, ReplyCursor& cursor) {
                const auto first = cursor.MembersAndScores("ZRANGE", KeyOf(kGroup, queue, group));
                return first.empty() ? Entry{}
                                     : Entry{.since = TimeFromNumber(first.front().score, TimeUnit::kSeconds)};
              }};
}

/// Tasks that a server is aggregating: the registry has the very names of the keys.
Registry AggregationSets() {
  return {.names = "aggregation sets",
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
          .entry = [](std::string_view, std::string_view set,
                      ReplyCursor& cursor) { return Entry{cursor.Count("ZCARD", set)}; }};
}

/// Of whatever queues: who works on any is not to be disturbed. A member names the key of a hash that is gone some
/// seconds after its server has died, so that clocks need not agree to the second.
Registry Servers() {
  return {.names = "servers",
          .has_holders = true,
          .part = &QueueParts::holders,
          .ask_names =
              [](const QueueRead& read, redis::Batch& batch) {
                batch.Add({"ZRANGEBYSCORE", "asynq:workers", DueScore(read.now - kClocksDiffer, TimeUnit::kSeconds),
                           "+inf", "LIMIT", "0", kMaxNamesAndOne});
              },
          .ask =
              [](std::string_view, std::string_view workers, redis::Batch& batch) {
                batch.Add({"HLEN", workers});
              },
          .entry =
              [](std::string_view, std::string_view workers, ReplyCursor& cursor) {
                return Entry{cursor.Count("HLEN", workers), ServerOf(workers)};
              }};
}

}  // namespace

Asynq::Asynq()
    : Registered({Groups(), AgesOfGroups(), AggregationSets(), Servers()}, std::make_unique<Preset>(Keys())) {}

}  // namespace metrics::layouts
