#include "metrics/layouts/arq.h"

#include <algorithm>
#include <string>

#include "metrics/layouts/preset.h"

namespace metrics::layouts {
namespace {

/// As many jobs that are due are looked at, the first of them, which are the first to be run.
constexpr std::size_t kMaxJobs = 1000;
constexpr std::string_view kLastJob = "1000";

}  // namespace

void Arq::Ask(const QueueRead& read, redis::Batch& batch) const {
  const auto& [waiting, in_flight, delayed, oldest_age, holders] = read.wanted;
  const std::string now = DueScore(read.now, TimeUnit::kMilliseconds);
  if (delayed) batch.Add({"ZCOUNT", read.queue, "(" + now, "+inf"});
  if (waiting || in_flight || oldest_age) {
    batch.Add({"ZCOUNT", read.queue, "-inf", now});
    batch.Add({"ZRANGEBYSCORE", read.queue, "-inf", now, "WITHSCORES", "LIMIT", "0", kLastJob});
  }
}

std::optional<QueueCounts> Arq::Count(const QueueRead& read, Replies replies, redis::Batch& more) const {
  const auto& [waiting, in_flight, delayed, oldest_age, holders] = read.wanted;
  ReplyCursor cursor(replies);
  QueueCounts counts;
  if (delayed) counts.delayed = cursor.Count("ZCOUNT", read.queue);
  if (!waiting && !in_flight && !oldest_age) return counts;
  const std::int64_t due = cursor.Count("ZCOUNT", read.queue);
  const auto jobs = cursor.MembersAndScores("ZRANGEBYSCORE", read.queue);
  if (cursor.AtEnd() && !jobs.empty()) {
    for (const auto& [job, score] : jobs) more.Add({"EXISTS", "arq:in-progress:" + std::string(job)});
    return std::nullopt;
  }
  std::optional<TimePoint> since;
  for (const auto& [job, score] : jobs) {
    if (cursor.Count("EXISTS", job) > 0) {
      ++counts.in_flight;
    } else if (!since) {
      since = TimeFromNumber(score, TimeUnit::kMilliseconds);
    }
  }
  if (waiting != in_flight && due > static_cast<std::int64_t>(kMaxJobs)) {
    RejectTooMany(kMaxJobs, "jobs are due, so that those in flight cannot be told from those that wait");
  }
  counts.waiting = std::max<std::int64_t>(0, due - counts.in_flight);
  counts.oldest_age = AgeSince(since, read.now);
  return counts;
}

}  // namespace metrics::layouts
