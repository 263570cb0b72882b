// A MetricProvider in memory: it answers what the test says, and can be made to fail.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "metrics/metric_provider.h"

namespace test {

class FakeMetricProvider final : public metrics::MetricProvider {
 public:
  /// The metrics on offer.
  std::vector<std::string> names;
  /// The answer for each metric. It is given as it is: selectors and namespaces are for the test to look at in `asked`.
  std::map<std::string, std::vector<metrics::MetricSample>> samples;
  /// Answered instead while it is set.
  std::optional<metrics::MetricResult> failure;
  /// Whether Get() first lets the deadline pass.
  bool slow = false;
  /// Who has taken jobs.
  metrics::HoldersResult holders;
  /// The last query.
  metrics::MetricQuery asked;

  void Get(metrics::MetricQuery query, metrics::MetricCallback callback) override {
    asked = query;
    if (slow) {
      std::this_thread::sleep_until(query.deadline);
    }
    if (failure) {
      return callback(*failure);
    }
    const auto found = samples.find(query.metric);
    if (found == samples.end()) {
      return callback(metrics::MetricNotFound{"no metric " + query.metric});
    }
    callback(found->second);
  }

  void GetHolders(metrics::MetricQuery query, metrics::HoldersCallback callback) override {
    asked = std::move(query);
    if (slow) {
      return;
    }
    callback(holders);
  }

  std::vector<std::string> List() const override { return names; }
};

}  // namespace test
