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
  /// Begins to connect, and does not wait for it. `observer` must outlive the provider.
  /// Throws std::system_error if the operating system refuses a descriptor or a thread.
  QueueMetricProvider(redis::RedisOptions options, redis::RedisObserver& observer);

  std::vector<MetricSample> Get(const MetricQuery& query) override;
  std::vector<std::string> List() const override;

  /// The names of those who have taken the jobs of the queues that `query` selects, as their framework notes them; the
  /// metric does not matter. Blocks and throws as Get() does; also MetricNotFoundError if a layout cannot tell.
  std::vector<std::string> Holders(const MetricQuery& query);

  /// Whether Redis is connected, for whoever watches over the server. Never blocks.
  redis::SourceStatus RedisStatus() const { return connection_.status(); }

 private:
  QueueCatalog catalog_{ConfigOfEveryKey(*FindLayoutKind("by-type"), {})};
  redis::EventLoop loop_;
  redis::RedisConnection connection_;
  QueueReader reader_;
};

}  // namespace metrics
