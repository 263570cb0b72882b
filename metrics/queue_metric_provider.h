// The metrics of the queues in one Redis.
#pragma once

#include <string>
#include <vector>

#include "metrics/metric_provider.h"
#include "metrics/queue_catalog.h"
#include "metrics/queue_reader.h"
#include "metrics/redis/event_loop.h"
#include "metrics/redis/redis_connection.h"
#include "metrics/redis/redis_observer.h"

namespace metrics {

class QueueMetricProvider final : public MetricProvider {
 public:
  /// Begins to connect, and does not wait for it. Whoever waits for a value when the provider ends gets an error.
  /// `loop` and `observer` must outlive it. Throws std::system_error if the operating system refuses a descriptor.
  QueueMetricProvider(redis::EventLoop& loop, redis::RedisOptions options, redis::RedisObserver& observer);

  void Get(const MetricQuery& query, MetricCallback callback) override;
  std::vector<std::string> List() const override;

  /// Whether Redis is connected, for whoever watches over the server. Never blocks.
  redis::SourceStatus RedisStatus() const { return connection_.status(); }

 private:
  QueueCatalog catalog_{ConfigOfEveryKey(*FindLayoutKind("by-type"), {})};
  redis::RedisConnection connection_;
  QueueReader reader_;
};

}  // namespace metrics
