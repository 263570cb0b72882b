// A MetricProvider in memory: it answers what the test says, and can be made to fail.
#pragma once

#include <exception>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "metrics/metric_provider.h"

namespace test {

class FakeMetricProvider final : public metrics::MetricProvider {
 public:
  /// The metrics on offer.
  std::vector<std::string> names;
  /// The answer for each metric. It is given as it is: selectors and namespaces are for the test to look at in `asked`.
  std::map<std::string, std::vector<metrics::MetricSample>> samples;
  /// Thrown by Get() while it is set.
  std::exception_ptr failure;
  /// Whether Get() first lets the deadline pass.
  bool slow = false;
  /// The last query.
  metrics::MetricQuery asked;

  std::vector<metrics::MetricSample> Get(const metrics::MetricQuery& query) override {
    asked = query;
    if (slow) {
      std::this_thread::sleep_until(query.deadline);
    }
    if (failure) {
      std::rethrow_exception(failure);
    }
    const auto found = samples.find(query.metric);
    if (found == samples.end()) {
      throw metrics::MetricNotFoundError("no metric " + query.metric);
    }
    return found->second;
  }

  std::vector<std::string> List() const override { return names; }
};

}  // namespace test
