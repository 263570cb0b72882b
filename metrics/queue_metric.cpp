#include "metrics/queue_metric.h"

#include <algorithm>

#include <strings.h>

namespace metrics {

std::string_view Name(QueueMetric metric) {
  switch (metric) {
    case QueueMetric::kDelayed:
      return "redis_queue_delayed";
    case QueueMetric::kInFlight:
      return "redis_queue_in_flight";
    case QueueMetric::kLength:
      return "redis_queue_length";
    case QueueMetric::kOldestAge:
      return "redis_queue_oldest_age_seconds";
    case QueueMetric::kWaiting:
      break;
  }
  return "redis_queue_waiting";
}

const std::vector<QueueMetric>& QueueMetrics() {
  static const std::vector<QueueMetric> metrics{QueueMetric::kDelayed, QueueMetric::kInFlight, QueueMetric::kLength,
                                                QueueMetric::kOldestAge, QueueMetric::kWaiting};
  return metrics;
}

std::optional<QueueMetric> FindQueueMetric(std::string_view name) {
  const auto& metrics = QueueMetrics();
  const auto found = std::find_if(metrics.begin(), metrics.end(), [name](QueueMetric metric) {
    const std::string_view ours = Name(metric);
    return ours.size() == name.size() && strncasecmp(ours.data(), name.data(), ours.size()) == 0;
  });
  return found == metrics.end() ? std::nullopt : std::optional(*found);
}

std::optional<QueueParts> PartsFor(QueueMetric metric, const QueueParts& offered) {
  const auto if_offered = [](bool is_offered, const QueueParts& parts) {
    return is_offered ? std::optional(parts) : std::nullopt;
  };
  switch (metric) {
    case QueueMetric::kDelayed:
      return if_offered(offered.delayed, {.delayed = true});
    case QueueMetric::kInFlight:
      return if_offered(offered.in_flight, {.in_flight = true});
    case QueueMetric::kLength:
      return if_offered(offered.waiting, {.waiting = true, .in_flight = offered.in_flight});
    case QueueMetric::kOldestAge:
      return if_offered(offered.oldest_age, {.oldest_age = true});
    case QueueMetric::kWaiting:
      break;
  }
  return if_offered(offered.waiting, {.waiting = true});
}

std::int64_t ValueOf(QueueMetric metric, const QueueParts& parts, const QueueCounts& counts) {
  switch (metric) {
    case QueueMetric::kDelayed:
      return counts.delayed;
    case QueueMetric::kInFlight:
      return counts.in_flight;
    case QueueMetric::kLength:
      return counts.waiting + (parts.in_flight ? counts.in_flight : 0);
    case QueueMetric::kOldestAge:
      return counts.oldest_age.count();
    case QueueMetric::kWaiting:
      break;
  }
  return counts.waiting;
}

}  // namespace metrics
