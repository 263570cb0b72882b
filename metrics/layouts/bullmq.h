// BullMQ: lists of waiting (or paused) and active jobs, sorted sets of prioritized and of delayed ones (also retries
// with backoff).
#pragma once

#include <string>

#include "metrics/layouts/registered.h"

namespace metrics::layouts {

struct BullMqOptions {
  /// The option `prefix` of the queue; "{bull}" keeps a cluster's keys together.
  std::string prefix = "bull";
};

class BullMq final : public Registered {
 public:
  explicit BullMq(const BullMqOptions& options = {});
};

}  // namespace metrics::layouts
