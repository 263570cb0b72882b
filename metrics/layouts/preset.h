// What most frameworks have in common: a few lists and sorted sets named after the queue, whose lengths are the counts.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/layouts/job_time.h"
#include "metrics/layouts/key_pattern.h"
#include "metrics/layouts/reply_cursor.h"
#include "metrics/queue_layout.h"

namespace metrics::layouts {

/// A key whose length counts jobs.
struct CountedKey {
  /// LLEN, SCARD, ZCARD or HLEN.
  std::string_view command;
  /// A pattern, as KeyOf() reads it.
  std::string key = "{queue}";
  /// -1 if the other keys of the part have these jobs too, although they are not of this part.
  int sign = 1;
};

inline constexpr std::string_view kEveryScore = "-inf";

/// A sorted set of jobs, each scored by when it is due.
struct DelayedSet {
  /// A pattern.
  std::string key;
  TimeUnit unit;
  /// Where the scores of delayed jobs begin, as ZCOUNT reads it.
  std::string_view lowest = kEveryScore;
};

/// How the oldest waiting job, and since when it waits, are found.
struct OldestJob {
  /// A key that holds waiting jobs, and which of them can be the oldest, as LRANGE (or ZRANGE) reads it. Several,
  /// because the first may be taken, and its time be gone, before it is looked up.
  struct Candidates {
    /// A pattern.
    std::string key;
    std::string_view command = "LRANGE";
    std::string_view first = "0";
    std::string_view last = "7";
  };
  std::vector<Candidates> candidates{};
  /// Asks for the text that holds the time of one job. Null: the job itself does.
  std::function<void(std::string_view queue, std::string_view job, redis::Batch& batch)> ask{};
  std::optional<TimePoint> (*time)(std::string_view text) = nullptr;
  /// In its place if the lookup is an HMGET: of its fields, "" for each that is not there.
  std::optional<TimePoint> (*time_of_fields)(std::span<const std::string_view> fields) = nullptr;
  /// What the time is missing from, for the error: "the job has no enqueued_at".
  std::string_view missing{};
  /// Whether an element is one of the jobs. Null: all are.
  bool (*is_job)(std::string_view element) = nullptr;
};

/// Delayed sets are read before the keys of waiting jobs, and those before the keys of jobs in flight, as jobs move.
/// Parts for which there is no key are not offered. Constant after construction.
class Preset : public QueueLayout {
 public:
  struct Keys {
    std::vector<CountedKey> waiting;
    std::vector<CountedKey> in_flight{};
    std::vector<DelayedSet> delayed{};
    std::optional<OldestJob> oldest{};
  };

  explicit Preset(Keys keys) : keys_(std::move(keys)) {}

  QueueParts Offers() const override;
  void Ask(const QueueRead& read, redis::Batch& batch) const override;
  std::optional<QueueCounts> Count(const QueueRead& read, Replies replies, redis::Batch& more) const override;

 private:
  /// What stands for the queue in the patterns of keys.
  virtual std::string NameInKeys(std::string_view queue) const { return std::string(queue); }

  /// What the first round of a reading tells.
  struct First {
    QueueCounts counts{};
    /// Since when the oldest job of the delayed sets is due.
    std::optional<TimePoint> due_since{};
    /// For the oldest job.
    std::vector<std::string_view> candidates{};
  };

  First CountFirst(const QueueRead& read, std::string_view name, ReplyCursor& cursor) const;

  const Keys keys_;
};

/// How long something waits that began to at `since`; zero if that is nothing, or in the future.
std::chrono::seconds AgeSince(std::optional<TimePoint> since, TimePoint now);

/// The error of a reading that would have to look at more than it may: "more than 1000 " and `what`.
[[noreturn]] void RejectTooMany(std::size_t limit, std::string_view what);

}  // namespace metrics::layouts
