// Which queues there are, and for whom.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "metrics/label_selector.h"
#include "metrics/layouts/by_type.h"
#include "metrics/queue_layout.h"

namespace metrics {

struct Queue {
  /// The value of the label `queue`.
  std::string name;
  /// Never null; lives as long as the catalog.
  const QueueLayout* layout;
};

/// The catalog of a server without configuration: every key is a queue for every namespace, under its own name, and is
/// read by its type. There are as many as anybody can think of, so a selector must name those it means. Constant after
/// construction, hence safe to use from several threads at once.
class QueueCatalog {
 public:
  /// As many queues as one request may ask for.
  static constexpr std::size_t kMaxQueues = 1000;

  /// The queues that `selector` selects for `ns`, sorted by name; at least one.
  /// Throws MetricNotFoundError.
  std::vector<Queue> Find(std::string_view ns, std::string_view metric, const LabelSelector& selector) const;

  /// What queues can be measured by, sorted.
  static std::vector<std::string> MetricNames();

 private:
  layouts::ByType by_type_;
};

}  // namespace metrics
