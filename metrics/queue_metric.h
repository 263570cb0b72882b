// The metrics of a queue: what they are called, which parts of the queue they need, and what they make of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/queue_layout.h"

namespace metrics {

enum class QueueMetric : std::uint8_t {
  kDelayed,
  kInFlight,
  kLength,  // Waiting and in flight: the jobs that need a worker. Where in flight cannot be known, what waits.
  kOldestAge,
  kWaiting,
};

/// "redis_queue_length" and the like.
std::string_view Name(QueueMetric metric);
/// In whatever case, since client-go lower-cases names. Nothing if there is no such metric.
std::optional<QueueMetric> FindQueueMetric(std::string_view name);
/// All of them, sorted by name.
const std::vector<QueueMetric>& QueueMetrics();

/// What must be read of a queue whose layout offers `offered`; nothing if the metric cannot be known then.
std::optional<QueueParts> PartsFor(QueueMetric metric, const QueueParts& offered);

/// From counts of which at least the parts for `metric` mean something. `parts` are those.
std::int64_t ValueOf(QueueMetric metric, const QueueParts& parts, const QueueCounts& counts);

}  // namespace metrics
