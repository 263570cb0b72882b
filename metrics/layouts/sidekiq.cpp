#include "metrics/layouts/sidekiq.h"

#include <algorithm>

#include "metrics/json.h"
#include "metrics/layouts/preset.h"
#include "metrics/layouts/shared_job.h"

namespace metrics::layouts {
namespace {

/// Of the jobs that all queues share, as many of each kind are looked at: at first, and at the most.
constexpr std::size_t kFirstJobs = 20;
constexpr std::size_t kMaxJobs = 1000;
constexpr std::size_t kMaxBytes = std::size_t{3} << 20U;

std::int64_t CountOf(std::string_view queue, const std::vector<std::string_view>& jobs) {
  return std::count_if(jobs.begin(), jobs.end(), [queue](std::string_view job) { return MayBeOf(queue, job); });
}

std::optional<TimePoint> TimeOfJob(std::string_view json) {
  const auto enqueued = Json::ParseJob(json)["enqueued_at"].Number();
  if (!enqueued) return std::nullopt;
  constexpr double kFirstInMilliseconds = 1e11;  // Sidekiq 8 writes milliseconds; as seconds this is the year 5138.
  return TimeFromNumber(*enqueued, *enqueued < kFirstInMilliseconds ? TimeUnit::kSeconds : TimeUnit::kMilliseconds);
}

Preset::Keys KeysOf(const SidekiqOptions& options) {
  const std::string key = options.prefix + "queue:{queue}";
  return {.waiting = {{"LLEN", key}},
          .oldest = OldestJob{.candidates = {{.key = key, .first = "-1", .last = "-1"}},
                              .time = &TimeOfJob,
                              .missing = "its payload has no enqueued_at"}};
}

/// What a process works on is in a hash called "work" since Sidekiq 7, "workers" before.
Registry Processes(const std::string& prefix) {
  return {.names = "processes",
          .has_holders = true,
          .part = &QueueParts::in_flight,
          .count = &QueueCounts::in_flight,
          .ask_names =
              [processes = prefix + "processes"](const QueueRead&, redis::Batch& batch) {
                batch.Add({"SRANDMEMBER", processes, kMaxNamesAndOne});
              },
          .ask =
              [prefix](std::string_view, std::string_view process, redis::Batch& batch) {
                batch.Add({"HVALS", prefix + std::string(process) + ":work"});
                batch.Add({"HVALS", prefix + std::string(process) + ":workers"});
              },
          .entry =
              [](std::string_view queue, std::string_view process, ReplyCursor& cursor) {
                const std::int64_t since_7 = CountOf(queue, cursor.Texts("HVALS", process));
                return Entry{since_7 + CountOf(queue, cursor.Texts("HVALS", process)), std::string(process)};
              }};
}

/// Whether the first jobs are all there are.
bool AreAll(Replies shared) {
  return std::all_of(shared.begin(), shared.end(),
                     [](const redis::Reply* reply) { return reply->elements.size() < kFirstJobs; });
}

/// How many jobs like the first ones can be read at once.
std::size_t LimitBy(Replies shared) {
  std::size_t largest = 1;
  for (const redis::Reply* const reply : shared) {
    for (const redis::Reply& job : reply->elements) largest = std::max(largest, BytesOf(job));
  }
  return std::clamp(kMaxBytes / largest, kFirstJobs, kMaxJobs + 1);
}

}  // namespace

Sidekiq::Sidekiq(const SidekiqOptions& options)
    : delayed_{options.prefix + "schedule", options.prefix + "retry"},
      rest_({Processes(options.prefix)}, std::make_unique<Preset>(KeysOf(options))) {}

QueueParts Sidekiq::Offers() const {
  QueueParts parts = rest_.Offers();
  parts.delayed = true;
  return parts;
}

void Sidekiq::Ask(const QueueRead& read, redis::Batch& batch) const { AskAll(read, kFirstJobs, batch); }

void Sidekiq::AskAll(const QueueRead& read, std::size_t limit, redis::Batch& batch) const {
  AskShared(read, limit, batch);
  rest_.Ask(read, batch);
}

void Sidekiq::AskShared(const QueueRead& read, std::size_t limit, redis::Batch& batch) const {
  const std::string now = DueScore(read.now, TimeUnit::kSeconds);
  const std::string count = std::to_string(limit);
  for (const std::string& key : delayed_) {
    if (read.wanted.waiting || read.wanted.oldest_age) {
      batch.Add({"ZCOUNT", key, "-inf", now});
      batch.Add({"ZRANGEBYSCORE", key, "-inf", now, "WITHSCORES", "LIMIT", "0", count});
    }
    if (read.wanted.delayed) batch.Add({"ZRANGEBYSCORE", key, "(" + now, "+inf", "LIMIT", "0", count});
  }
}

std::optional<QueueCounts> Sidekiq::Count(const QueueRead& read, Replies replies, redis::Batch& more) const {
  redis::Batch asked;
  AskShared(read, kFirstJobs, asked);
  std::size_t limit = kFirstJobs;
  if (!AreAll(replies.first(asked.size()))) {
    limit = LimitBy(replies.first(asked.size()));
    rest_.Ask(read, asked);
    replies = replies.subspan(asked.size());
    if (replies.empty()) {
      AskAll(read, limit, more);
      return std::nullopt;
    }
  }
  ReplyCursor cursor(replies);
  QueueCounts shared;
  for (const std::string& key : delayed_) {
    if (read.wanted.waiting || read.wanted.oldest_age) {
      const std::int64_t due = cursor.Count("ZCOUNT", key);
      const auto jobs = cursor.MembersAndScores("ZRANGEBYSCORE", key);
      const auto wait_since = [&](std::string_view score) {
        const auto since = TimeFromNumber(score, TimeUnit::kSeconds);
        shared.oldest_age = std::max(shared.oldest_age, AgeSince(since, read.now));
      };
      for (const auto& [job, score] : jobs) {
        if (!MayBeOf(read.queue, job)) continue;
        ++shared.waiting;
        wait_since(score);
      }
      // Any process would enqueue them. Those that were not looked at, all due later than the others, could be of any
      // queue and count for each.
      const auto unseen = std::max<std::int64_t>(0, due - static_cast<std::int64_t>(jobs.size()));
      shared.waiting += unseen;
      if (unseen > 0 && !jobs.empty()) wait_since(jobs.back().score);
    }
    if (read.wanted.delayed) {
      const auto jobs = cursor.Texts("ZRANGEBYSCORE", key);
      if (jobs.size() > kMaxJobs) RejectTooMany(kMaxJobs, "jobs are in " + key);
      if (jobs.size() >= limit) RejectTooMany(kMaxBytes, "bytes of jobs are in " + key);
      shared.delayed += CountOf(read.queue, jobs);
    }
  }
  auto counts = rest_.Count(read, replies.last(cursor.Remaining()), more);
  if (!counts) return std::nullopt;
  counts->waiting += shared.waiting;
  counts->delayed += shared.delayed;
  counts->oldest_age = std::max(counts->oldest_age, shared.oldest_age);
  return counts;
}

}  // namespace metrics::layouts
