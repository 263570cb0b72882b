// Reads queues from a Redis: all those of a request in one round trip.
#pragma once

#include <chrono>
#include <functional>
#include <variant>
#include <vector>

#include "metrics/queue_catalog.h"
#include "metrics/queue_layout.h"
#include "metrics/redis/redis_observer.h"
#include "metrics/redis/redis_source.h"

namespace metrics {

struct QueueReading {
  Queue queue;
  QueueCounts counts;
  /// When the answer had arrived.
  std::chrono::system_clock::time_point timestamp;
};

/// One reading for each queue, in the order asked; all of them or an error.
using ReadResult = std::variant<std::vector<QueueReading>, MetricUnavailable>;
/// Must be quick and must not throw.
using ReadCallback = std::function<void(ReadResult)>;

/// Safe to call from several threads at once.
class QueueReader {
 public:
  /// Both must outlive the reader, and `observer` also `source`.
  QueueReader(redis::RedisSource& source, redis::RedisObserver& observer) : source_(source), observer_(observer) {}

  /// Calls back exactly once, by `deadline` and by the timeout of the Redis: in this call, or in the thread that runs
  /// the event loop.
  void Read(std::vector<Queue> queues, std::chrono::steady_clock::time_point deadline, ReadCallback callback);

 private:
  redis::RedisSource& source_;
  redis::RedisObserver& observer_;
};

}  // namespace metrics
