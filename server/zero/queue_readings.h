// The seam to the queues: many readings by one moment, each a number or a doubt.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "metrics/label_selector.h"
#include "metrics/metric_provider.h"

namespace server::zero {

struct QueueQuery {
  std::string ns;
  std::string metric;
  metrics::LabelSelector selector;
};

struct QueueReading {
  /// The sum over the queues that the selector selects, as the HPA computes it. Nothing: it is in doubt.
  std::optional<std::int64_t> value;
  /// Why it is in doubt.
  std::string doubt;
};

/// One reading for each query, in their order. Blocks until `deadline` at most. Does not throw.
using ReadQueues = std::function<std::vector<QueueReading>(const std::vector<QueueQuery>& queries,
                                                           std::chrono::steady_clock::time_point deadline)>;

/// Who holds jobs of the queues that a query selects.
struct HoldersReading {
  /// The workers' names, as their framework notes them. Nothing: it is in doubt, or nobody can know.
  std::optional<std::vector<std::string>> workers;
  /// Why.
  std::string doubt;
};

/// Blocks until `deadline` at most. Does not throw.
using ReadHolders =
    std::function<HoldersReading(const QueueQuery& query, std::chrono::steady_clock::time_point deadline)>;

/// Reads from `provider`, which must outlive the function. Only what is read after the call counts.
ReadQueues ReadFrom(metrics::MetricProvider& provider);

/// As ReadFrom().
ReadHolders ReadHoldersFrom(metrics::MetricProvider& provider);

/// A doubt if there are none.
QueueReading Sum(const std::vector<metrics::MetricSample>& samples);

}  // namespace server::zero
