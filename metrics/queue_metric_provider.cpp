#include "metrics/queue_metric_provider.h"

#include <utility>
#include <variant>

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

std::vector<MetricSample> SamplesOf(QueueMetric metric, std::vector<QueueReading> readings) {
  std::vector<MetricSample> samples;
  samples.reserve(readings.size());
  for (QueueReading& reading : readings) {
    Queue& queue = reading.queue;
    samples.push_back({std::move(queue.labels), ValueOf(metric, queue.wanted, reading.counts), reading.timestamp});
  }
  return samples;
}

}  // namespace

QueueMetricProvider::QueueMetricProvider(redis::EventLoop& loop, redis::RedisOptions options,
                                         redis::RedisObserver& observer)
    : connection_(loop, std::move(options), observer), reader_(connection_, observer) {}

void QueueMetricProvider::Get(const MetricQuery& query, MetricCallback callback) {
  QueueMetric metric{};
  std::vector<Queue> queues;
  try {
    metric = MetricOf(query);
    queues = catalog_.Find(query.ns, metric, query.selector);
  } catch (const MetricNotFoundError& error) {
    return callback(MetricNotFound{error.what()});
  }
  reader_.Read(std::move(queues), query.deadline, [metric, callback = std::move(callback)](ReadResult result) {
    if (auto* why = std::get_if<MetricUnavailable>(&result)) return callback(std::move(*why));
    callback(SamplesOf(metric, std::get<std::vector<QueueReading>>(std::move(result))));
  });
}

std::vector<std::string> QueueMetricProvider::List() const {
  std::vector<std::string> names;
  for (const QueueMetric metric : QueueMetrics()) names.emplace_back(Name(metric));
  return names;
}

}  // namespace metrics
