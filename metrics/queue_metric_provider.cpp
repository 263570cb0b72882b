#include "metrics/queue_metric_provider.h"

#include <utility>
#include <variant>

namespace metrics {
namespace {

std::vector<MetricSample> SamplesOf(std::vector<QueueReading> readings) {
  std::vector<MetricSample> samples;
  samples.reserve(readings.size());
  for (QueueReading& reading : readings) {
    samples.push_back({{{"queue", std::move(reading.queue.name)}}, reading.counts.waiting, reading.timestamp});
  }
  return samples;
}

}  // namespace

QueueMetricProvider::QueueMetricProvider(redis::EventLoop& loop, redis::RedisOptions options,
                                         redis::RedisObserver& observer)
    : connection_(loop, std::move(options), observer), reader_(connection_, observer) {}

void QueueMetricProvider::Get(const MetricQuery& query, MetricCallback callback) {
  std::vector<Queue> queues;
  try {
    queues = catalog_.Find(query.ns, query.metric, query.selector);
  } catch (const MetricNotFoundError& error) {
    return callback(MetricNotFound{error.what()});
  }
  reader_.Read(std::move(queues), {.waiting = true}, query.deadline,
               [callback = std::move(callback)](ReadResult result) {
                 if (auto* why = std::get_if<MetricUnavailable>(&result)) return callback(std::move(*why));
                 callback(SamplesOf(std::get<std::vector<QueueReading>>(std::move(result))));
               });
}

}  // namespace metrics
