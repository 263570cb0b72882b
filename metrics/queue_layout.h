// How a framework keeps a queue in Redis: what to ask, and what the answers mean.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/redis/reply.h"
#include "metrics/redis/resp.h"

namespace metrics {

/// The parts of a queue that can be measured.
struct QueueParts {
  bool waiting = false;
  bool in_flight = false;
  bool delayed = false;
  bool oldest_age = false;
  /// Together with in_flight.
  bool holders = false;

  bool operator==(const QueueParts&) const = default;
};

/// What one queue holds. Only the parts that were wanted mean something. Nothing is ever negative.
struct QueueCounts {
  /// Jobs that nobody has taken yet, among them delayed ones that are due.
  std::int64_t waiting = 0;
  /// Jobs that somebody has taken and not finished.
  std::int64_t in_flight = 0;
  /// Jobs that are not due yet.
  std::int64_t delayed = 0;
  /// Since when the oldest job waits; zero if none does.
  std::chrono::seconds oldest_age{0};
  /// Those who have taken jobs, by the names that the framework notes.
  std::vector<std::string> holders{};
};

/// What one reading of a queue is about.
struct QueueRead {
  std::string_view queue;
  /// Of those the layout offers.
  QueueParts wanted;
  /// By which jobs are due and old.
  std::chrono::system_clock::time_point now;
};

/// In the order asked; none is null. Several queues may have the same ones.
using Replies = std::span<const redis::Reply* const>;

/// Constant after construction, hence safe to use from several threads at once.
class QueueLayout {
 public:
  QueueLayout() = default;
  QueueLayout(const QueueLayout&) = delete;
  QueueLayout& operator=(const QueueLayout&) = delete;
  virtual ~QueueLayout() = default;

  /// What this layout's data tell, whatever they are; the rest nobody can know.
  virtual QueueParts Offers() const = 0;

  /// Whether some keys that tell these parts are those of all queues of a Redis, so that the reader reads them but
  /// once.
  virtual bool SharesKeys(const QueueParts& /*wanted*/) const { return false; }

  /// Adds the commands that begin to read a queue. They only read. A job on the move must be met by one of them at
  /// least, so the place it comes from is read before the place it goes to. The reader makes several a transaction.
  virtual void Ask(const QueueRead& read, redis::Batch& batch) const = 0;

  /// Counts from the replies, those of all rounds so far in the order asked. If they do not suffice, it adds the
  /// commands of the next round to `more` and returns nothing. A queue whose keys do not exist is empty.
  /// Throws MetricUnavailableError: what cannot be known is never 0. The text is a sentence about the queue, to which
  /// the caller adds where it was read.
  virtual std::optional<QueueCounts> Count(const QueueRead& read, Replies replies, redis::Batch& more) const = 0;
};

/// The count in a reply to `command` on `key`. Rejects a reply that is not a count.
std::int64_t CountFrom(const redis::Reply& reply, std::string_view command, std::string_view key);

/// Throws the MetricUnavailableError that says what is wrong with a reply to `command` on `key`: an error reply, or one
/// that the command never gives.
[[noreturn]] void RejectReply(const redis::Reply& reply, std::string_view command, std::string_view key);

}  // namespace metrics
