// Finds the queues that a request is about. Those of a pattern that the selector does not name are first looked up in
// the registry that their framework keeps.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "metrics/metric_provider.h"
#include "metrics/queue_catalog.h"
#include "metrics/queue_metric.h"
#include "metrics/redis/redis_observer.h"
#include "metrics/redis/redis_source.h"

namespace metrics {

using RedisSources = std::map<std::string, redis::RedisSource*, std::less<>>;

/// The one of `sources` that has `queue`.
redis::RedisSource& SourceOf(const RedisSources& sources, const ConfiguredQueue& queue);

/// All that is referred to must live until the search has called back.
struct QueueSearch {
  const QueueCatalog& catalog;
  const RedisSources& sources;
  redis::RedisObserver& observer;
  const MetricQuery& query;
  QueueMetric metric;
};

/// As QueueCatalog::Find().
using FoundQueues = std::variant<std::vector<Queue>, MetricNotFound, MetricUnavailable>;

/// If QueueCatalog::PatternsToList() has none. Throws std::bad_alloc.
FoundQueues FindQueues(const QueueSearch& search);

/// If they are `patterns`. Calls back exactly once: in this call, or on the loop. `callback` must not throw. Throws
/// std::bad_alloc; then it does not call back.
void FindQueues(const QueueSearch& search, std::vector<std::shared_ptr<const ConfiguredQueue>> patterns,
                std::function<void(FoundQueues)> callback);

}  // namespace metrics
