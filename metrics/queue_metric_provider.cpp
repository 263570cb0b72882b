#include "metrics/queue_metric_provider.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

#include "metrics/go_quote.h"
#include "metrics/queue_metric.h"

namespace metrics {
namespace {

QueueMetric MetricOf(const MetricQuery& query) {
  if (const auto metric = FindQueueMetric(query.metric)) return *metric;
  std::string names;
  for (const QueueMetric metric : QueueMetrics()) names.append(names.empty() ? "" : ", ").append(Name(metric));
  throw MetricNotFoundError("there is no metric " + QuoteBeginning(query.metric) + "; there are " + names);
}

}  // namespace

QueueMetricProvider::QueueMetricProvider(redis::RedisOptions options, redis::RedisObserver& observer)
    : connection_(loop_, std::move(options), observer), reader_(connection_, observer) {}

std::vector<MetricSample> QueueMetricProvider::Get(const MetricQuery& query) {
  const QueueMetric metric = MetricOf(query);
  std::vector<Queue> queues = catalog_.Find(query.ns, metric, query.selector);
  const std::vector<QueueReading> readings = reader_.Read(queues, query.deadline);
  std::vector<MetricSample> samples;
  samples.reserve(queues.size());
  for (std::size_t i = 0; i < queues.size(); ++i) {
    samples.push_back(
        {std::move(queues[i].labels), ValueOf(metric, queues[i].wanted, readings[i].counts), readings[i].timestamp});
  }
  return samples;
}

std::vector<std::string> QueueMetricProvider::Holders(const MetricQuery& query) {
  std::vector<Queue> queues = catalog_.Find(query.ns, QueueMetric::kWaiting, query.selector);
  for (Queue& queue : queues) {
    if (!queue.configured->layout->Offers().holders) {
      throw MetricNotFoundError("the layout " + queue.configured->settings.layout_name + " of the queue " +
                                QuoteBeginning(queue.name_in_redis) + " cannot tell who has taken its jobs");
    }
    queue.wanted = {.in_flight = true, .holders = true};
  }
  std::vector<std::string> holders;
  for (QueueReading& reading : reader_.Read(queues, query.deadline)) {
    std::move(reading.counts.holders.begin(), reading.counts.holders.end(), std::back_inserter(holders));
  }
  return holders;
}

std::vector<std::string> QueueMetricProvider::List() const {
  std::vector<std::string> names;
  for (const QueueMetric metric : QueueMetrics()) names.emplace_back(Name(metric));
  return names;
}

}  // namespace metrics
