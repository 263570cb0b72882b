// What the queues of an HPA say together, and what must be read to know it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "server/zero/managed_hpa.h"
#include "server/zero/queue_readings.h"

namespace server::zero {

/// A number that is not there is in doubt.
struct Demand {
  /// For each of ManagedHpa::queues, in their order.
  std::vector<std::optional<std::int64_t>> values;
  /// Jobs that wait or are in flight, over all of them; 0 for those who do not want to sleep.
  std::optional<std::int64_t> unfinished;

  bool IsComplete() const;
};

/// One query for each of its metrics, then, if it wants to sleep, one for what is unfinished in each of the same queues
/// where the metric itself does not say so.
std::vector<QueueQuery> QueriesOf(const ManagedHpa& hpa);

/// `readings` are those of QueriesOf().
Demand DemandFrom(const ManagedHpa& hpa, std::span<const QueueReading> readings);

/// Whether any value is above the activation threshold.
bool NeedsWorkers(const ManagedHpa& hpa, const Demand& demand);

}  // namespace server::zero
