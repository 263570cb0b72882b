// Reads queues from the Redis that have them: all those of a request in one round trip to each.
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "metrics/metric_provider.h"
#include "metrics/queue_layout.h"
#include "metrics/redis/redis_observer.h"
#include "metrics/redis/redis_source.h"

namespace metrics {

/// What of which queue is to be read. Equal questions have equal answers.
struct QueueQuestion {
  /// Must live until the answer.
  redis::RedisSource* source;
  std::shared_ptr<const QueueLayout> layout;
  std::string name_in_redis;
  QueueParts wanted;

  auto Key() const {
    return std::tie(source, layout, name_in_redis, wanted.waiting, wanted.in_flight, wanted.delayed, wanted.oldest_age,
                    wanted.holders);
  }
  bool operator<(const QueueQuestion& other) const { return Key() < other.Key(); }
};

struct QueueReading {
  QueueCounts counts;
  /// When it was begun: what came into the queue before is in it.
  std::chrono::system_clock::time_point timestamp;
};

/// The error of one queue leaves the others alone.
using QueueOutcome = std::variant<QueueReading, MetricUnavailable>;

/// One outcome for each question, in the order asked. Must be quick and must not throw.
using ReadCallback = std::function<void(std::vector<QueueOutcome>)>;

/// Safe to call from several threads at once.
class QueueReader {
 public:
  /// `observer` must outlive the reader and all sources.
  explicit QueueReader(redis::RedisObserver& observer) : observer_(observer) {}

  /// Calls back exactly once, by `deadline` and by the timeouts of the sources: in this call, or on the loop. A
  /// question that Redis owes an answer to already, by then at the latest, is not put once more: both get that answer.
  /// It must have been put no earlier than `not_before`, and by somebody who gave Redis all the time it may take: the
  /// hurry of one is not that of others, nor an error of Redis. Queues that share keys are read in turns by all who are
  /// in no hurry: a turn may be waited for for two timeouts, and then that of the source counts. `questions` are one at
  /// least. Throws std::bad_alloc; then it does not call back.
  void Read(std::vector<QueueQuestion> questions, std::chrono::steady_clock::time_point deadline, ReadCallback callback,
            std::chrono::steady_clock::time_point not_before = std::chrono::steady_clock::time_point::min());

 private:
  using Clock = std::chrono::steady_clock;

  class Request;
  class Round;
  class Group;
  struct Flight;
  using GroupPtr = std::shared_ptr<Group>;
  /// Who waits for the answer to which of its questions.
  using Waiting = std::pair<std::shared_ptr<Request>, std::size_t>;

  /// Which questions can be put together.
  struct GroupKind {
    redis::RedisSource* source;
    /// If its queues share keys; null for those of all that do not.
    const QueueLayout* sharing;
    /// The source may take longer than the deadline allows.
    bool is_hurried;

    auto operator<=>(const GroupKind&) const = default;
    /// What is asked meanwhile by many is so put to Redis in one go, and what their queues share is read once.
    bool TakesTurns() const { return sharing != nullptr && !is_hurried; }
  };

  struct Times {
    Clock::time_point not_before;
    Clock::time_point now;
    Clock::time_point deadline;
  };

  struct AsQuestions {
    bool operator()(const QueueQuestion* a, const QueueQuestion* b) const { return *a < *b; }
  };

  // With mutex_ held. Groups that can begin are added to `ready`. Both throw std::bad_alloc; then nothing is asked.

  /// False: too much waits already.
  bool Put(QueueQuestion& question, const Waiting& waiting, const Times& times, std::vector<GroupPtr>& ready);
  /// Null: as above.
  Group* GroupFor(const GroupKind& kind, std::vector<GroupPtr>& ready);

  // Without it.

  void Tell(const QueueQuestion& first, std::size_t more, const MetricUnavailable& why) const;
  void Land(Flight& flight);
  void EndTurn(const GroupKind& kind);

  redis::RedisObserver& observer_;

  std::mutex mutex_;
  /// By what each asks, the latest of each. A group owns its flights until they have landed.
  std::map<const QueueQuestion*, Flight*, AsQuestions> flights_;  // Guarded by mutex_.
  /// Whose turn is taken, and what is gathered for the next ones.
  std::map<GroupKind, std::deque<GroupPtr>> turns_;  // Guarded by mutex_.
};

}  // namespace metrics
