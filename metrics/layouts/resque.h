// Resque, and resque-scheduler: a list for each queue, a set of workers that say what they work on, and delayed jobs in
// a list for each second.
#pragma once

#include <string>

#include "metrics/layouts/registered.h"

namespace metrics::layouts {

struct ResqueOptions {
  /// Resque.redis.namespace.
  std::string prefix = "resque";
};

class Resque final : public Registered {
 public:
  explicit Resque(const ResqueOptions& options = {});

  bool SharesKeys(const QueueParts& wanted) const override {
    return wanted.waiting || wanted.in_flight || wanted.delayed;
  }
};

}  // namespace metrics::layouts
