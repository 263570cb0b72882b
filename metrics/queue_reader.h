// Reads queues from a Redis: all those of a request in one round trip.
#pragma once

#include <chrono>
#include <vector>

#include "metrics/queue_catalog.h"
#include "metrics/queue_layout.h"
#include "metrics/redis/redis_connection.h"
#include "metrics/redis/redis_observer.h"

namespace metrics {

struct QueueReading {
  QueueCounts counts;
  /// When the answer had arrived.
  std::chrono::system_clock::time_point timestamp;
};

/// Safe to call from several threads at once.
class QueueReader {
 public:
  /// Both must outlive the reader.
  QueueReader(redis::RedisConnection& connection, redis::RedisObserver& observer)
      : connection_(connection), observer_(observer) {}

  /// One reading for each of `queues`, in their order; all of them or an error. Blocks until `deadline` at most, and no
  /// longer than the timeout of the Redis.
  /// Throws MetricUnavailableError.
  std::vector<QueueReading> Read(const std::vector<Queue>& queues, std::chrono::steady_clock::time_point deadline);

 private:
  redis::RedisConnection& connection_;
  redis::RedisObserver& observer_;
};

}  // namespace metrics
