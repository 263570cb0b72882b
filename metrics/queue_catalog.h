// Which queues there are, and for whom.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/label_selector.h"
#include "metrics/metric_provider.h"
#include "metrics/queue_config.h"
#include "metrics/queue_layout.h"
#include "metrics/queue_metric.h"

namespace metrics {

/// A queue that somebody asks for.
struct Queue {
  std::string name_in_redis;
  /// Those of its samples.
  Labels labels;
  /// What a metric needs of it.
  QueueParts wanted;
  /// Never null. In a pattern's case it is that of the pattern.
  std::shared_ptr<const ConfiguredQueue> configured;
};

/// The queues of one configuration, found by their labels. A name is first looked for among the queues configured by
/// name, then among the patterns, in their order; the first in each Redis decides, also about who may see it.
/// Constant after construction, hence safe to use from several threads at once.
class QueueCatalog {
 public:
  /// As many queues as one request may ask for.
  static constexpr std::size_t kMaxQueues = 1000;

  /// Names in Redis, by the pattern that has them.
  using Members = std::map<const ConfiguredQueue*, std::vector<std::string>>;

  explicit QueueCatalog(QueueConfig config);

  /// The patterns that `selector` may mean queues of without naming them. Only those with a registry, which must be
  /// read before Find().
  std::vector<std::shared_ptr<const ConfiguredQueue>> PatternsToList(std::string_view ns,
                                                                     const LabelSelector& selector) const;

  /// The queues that `selector` selects for `ns`, sorted by name and Redis; at least one. `members` are those of
  /// PatternsToList(); other queues of a pattern are only found if the selector names them.
  /// Throws MetricNotFoundError.
  std::vector<Queue> Find(std::string_view ns, QueueMetric metric, const LabelSelector& selector,
                          const Members& members = {}) const;

 private:
  struct Entry {
    std::shared_ptr<const ConfiguredQueue> queue;
    Labels labels;  // Without `queue` for a pattern.
  };
  using Entries = std::vector<const Entry*>;

  const Entries& WithLabel(std::string_view key, std::string_view value) const;
  Entries Candidates(const LabelSelector& selector) const;
  bool Decides(const Entry& pattern, std::string_view name) const;
  void AddNamed(std::string_view ns, const LabelSelector& selector, std::vector<Queue>& queues) const;
  void AddOfPatterns(std::string_view ns, const LabelSelector& selector, const Members& members,
                     std::vector<Queue>& queues) const;
  std::string WhatThereIs(std::string_view ns) const;

  std::vector<Entry> named_;
  std::vector<Entry> patterns_;  // In the order configured.
  /// By key and value.
  std::map<std::string, std::map<std::string, Entries, std::less<>>, std::less<>> by_label_;
};

}  // namespace metrics
