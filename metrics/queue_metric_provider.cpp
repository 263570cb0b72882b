#include "metrics/queue_metric_provider.h"

#include <cstddef>
#include <utility>

namespace metrics {

QueueMetricProvider::QueueMetricProvider(redis::RedisOptions options, redis::RedisObserver& observer)
    : connection_(loop_, std::move(options), observer), reader_(connection_, observer) {}

std::vector<MetricSample> QueueMetricProvider::Get(const MetricQuery& query) {
  const std::vector<Queue> queues = catalog_.Find(query.ns, query.metric, query.selector);
  const std::vector<QueueReading> readings = reader_.Read(queues, {.waiting = true}, query.deadline);
  std::vector<MetricSample> samples;
  samples.reserve(queues.size());
  for (std::size_t i = 0; i < queues.size(); ++i) {
    samples.push_back({{{"queue", queues[i].name}}, readings[i].counts.waiting, readings[i].timestamp});
  }
  return samples;
}

}  // namespace metrics
