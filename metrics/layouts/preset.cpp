#include "metrics/layouts/preset.h"

#include <algorithm>

#include "metrics/go_quote.h"
#include "metrics/metric_provider.h"

namespace metrics::layouts {
namespace {

std::int64_t Sum(const std::vector<CountedKey>& keys, std::string_view queue, ReplyCursor& cursor) {
  std::int64_t sum = 0;
  for (const CountedKey& key : keys) sum += key.sign * cursor.Count(key.command, KeyOf(key.key, queue));
  return std::max<std::int64_t>(0, sum);
}

void KeepEarlier(std::optional<TimePoint>& earliest, std::optional<TimePoint> time) {
  if (time && (!earliest || *time < *earliest)) earliest = time;
}

/// When the first job of a delayed set is due, if it is.
std::optional<TimePoint> FirstDue(const DelayedSet& set, std::string_view key, ReplyCursor& cursor) {
  const auto jobs = cursor.MembersAndScores("ZRANGEBYSCORE", key);
  return jobs.empty() ? std::nullopt : TimeFromNumber(jobs.front().score, set.unit);
}

/// Since when the oldest of `candidates` waits, as far as it is known.
std::optional<TimePoint> EarliestOf(const OldestJob& oldest, std::span<const std::string_view> candidates,
                                    ReplyCursor& cursor) {
  std::optional<TimePoint> earliest;
  for (const std::string_view job : candidates) {
    if (oldest.time_of_fields != nullptr) {
      KeepEarlier(earliest, oldest.time_of_fields(cursor.Fields("HMGET", job)));
      continue;
    }
    const auto text = oldest.ask ? cursor.Text("the lookup of the time", job) : job;
    if (text) KeepEarlier(earliest, oldest.time(*text));
  }
  return earliest;
}

}  // namespace

QueueParts Preset::Offers() const {
  return {.waiting = !keys_.waiting.empty() || !keys_.delayed.empty(),
          .in_flight = !keys_.in_flight.empty(),
          .delayed = !keys_.delayed.empty(),
          .oldest_age = keys_.oldest.has_value()};
}

void Preset::Ask(const QueueRead& read, redis::Batch& batch) const {
  const auto& [waiting, in_flight, delayed, oldest_age, holders] = read.wanted;
  const std::string name = NameInKeys(read.queue);
  for (const DelayedSet& set : keys_.delayed) {
    const std::string key = KeyOf(set.key, name);
    const std::string due = DueScore(read.now, set.unit);
    if (waiting) batch.Add({"ZCOUNT", key, set.lowest, due});
    if (delayed) batch.Add({"ZCOUNT", key, "(" + due, "+inf"});
    if (oldest_age) {
      const std::string first = set.lowest == kEveryScore ? FirstScore(set.unit) : std::string(set.lowest);
      batch.Add({"ZRANGEBYSCORE", key, first, due, "WITHSCORES", "LIMIT", "0", "1"});
    }
  }
  if (waiting) {
    for (const CountedKey& key : keys_.waiting) batch.Add({key.command, KeyOf(key.key, name)});
  }
  if (oldest_age) {
    for (const auto& [key, command, first, last] : keys_.oldest->candidates) {
      batch.Add({command, KeyOf(key, name), first, last});
    }
  }
  if (in_flight) {
    for (const CountedKey& key : keys_.in_flight) batch.Add({key.command, KeyOf(key.key, name)});
  }
}

std::optional<QueueCounts> Preset::Count(const QueueRead& read, Replies replies, redis::Batch& more) const {
  // The candidates for the oldest job may all be taken, and their times be gone, before they are looked up.
  constexpr int kAttempts = 3;
  ReplyCursor cursor(replies);
  const std::string name = NameInKeys(read.queue);
  for (int attempt = 1; attempt <= kAttempts; ++attempt) {
    if (attempt > 1 && cursor.AtEnd()) {
      Preset::Ask(read, more);  // Without what a layout built on this asks besides, once.
      return std::nullopt;
    }
    const First first = CountFirst(read, name, cursor);
    QueueCounts counts = first.counts;
    std::optional<TimePoint> since = first.due_since;
    if (!first.candidates.empty()) {
      const OldestJob& oldest = *keys_.oldest;
      if (oldest.ask && cursor.AtEnd()) {
        for (const std::string_view job : first.candidates) oldest.ask(name, job, more);
        return std::nullopt;
      }
      const auto earliest = EarliestOf(oldest, first.candidates, cursor);
      if (!earliest) continue;
      KeepEarlier(since, earliest);
    }
    counts.oldest_age = AgeSince(since, read.now);
    return counts;
  }
  throw MetricUnavailableError(UnavailableKind::kServer, "the age of the oldest job of the queue " +
                                                             GoQuote(read.queue) +
                                                             " cannot be known: " + std::string(keys_.oldest->missing));
}

Preset::First Preset::CountFirst(const QueueRead& read, std::string_view name, ReplyCursor& cursor) const {
  const auto& [waiting, in_flight, delayed, oldest_age, holders] = read.wanted;
  First first;
  for (const DelayedSet& set : keys_.delayed) {
    const std::string key = KeyOf(set.key, name);
    if (waiting) first.counts.waiting += cursor.Count("ZCOUNT", key);
    if (delayed) first.counts.delayed += cursor.Count("ZCOUNT", key);
    if (oldest_age) KeepEarlier(first.due_since, FirstDue(set, key, cursor));
  }
  if (waiting) first.counts.waiting += Sum(keys_.waiting, name, cursor);
  if (oldest_age) {
    for (const auto& candidates : keys_.oldest->candidates) {
      for (const std::string_view job : cursor.Texts(candidates.command, KeyOf(candidates.key, name))) {
        if (keys_.oldest->is_job == nullptr || keys_.oldest->is_job(job)) first.candidates.push_back(job);
      }
    }
  }
  if (in_flight) first.counts.in_flight = Sum(keys_.in_flight, name, cursor);
  return first;
}

std::chrono::seconds AgeSince(std::optional<TimePoint> since, TimePoint now) {
  if (!since) return std::chrono::seconds(0);
  return std::max(std::chrono::seconds(0), std::chrono::floor<std::chrono::seconds>(now - *since));
}

void RejectTooMany(std::size_t limit, std::string_view what) {
  throw MetricUnavailableError(UnavailableKind::kServer,
                               "more than " + std::to_string(limit) + " " + std::string(what));
}

}  // namespace metrics::layouts
