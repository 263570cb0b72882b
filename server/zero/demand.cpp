#include "server/zero/demand.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace server::zero {
namespace {

constexpr std::string_view kUnfinished = "redis_queue_length";

}  // namespace

bool Demand::IsComplete() const {
  return unfinished && std::ranges::all_of(values, [](const auto& value) { return value.has_value(); });
}

std::vector<QueueQuery> QueriesOf(const ManagedHpa& hpa) {
  std::vector<QueueQuery> queries;
  for (const QueueMetric& queue : hpa.queues) {
    queries.push_back({hpa.ns, queue.metric, queue.selector});
  }
  if (hpa.settings.sleep) {
    for (const QueueMetric& queue : hpa.queues) {
      if (queue.metric != kUnfinished) {
        queries.push_back({hpa.ns, std::string(kUnfinished), queue.selector});
      }
    }
  }
  return queries;
}

Demand DemandFrom(const ManagedHpa& hpa, std::span<const QueueReading> readings) {
  Demand demand{.values = {}, .unfinished = 0};
  for (std::size_t i = 0; i < readings.size(); ++i) {
    const auto& value = readings[i].value;
    const bool is_metric = i < hpa.queues.size();
    if (is_metric) {
      demand.values.push_back(value);
    }
    if (!is_metric || hpa.queues[i].metric == kUnfinished) {
      demand.unfinished = demand.unfinished && value ? std::max(demand.unfinished, value) : std::nullopt;
    }
  }
  return demand;
}

bool NeedsWorkers(const ManagedHpa& hpa, const Demand& demand) {
  return std::ranges::any_of(demand.values,
                             [&](const auto& value) { return value && *value > hpa.settings.activation_threshold; });
}

}  // namespace server::zero
