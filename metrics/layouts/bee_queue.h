// bee-queue: lists of waiting and active jobs, a sorted set of delayed ones (also retries).
#pragma once

#include <string>

#include "metrics/layouts/preset.h"

namespace metrics::layouts {

struct BeeQueueOptions {
  /// The setting `prefix` of the queue.
  std::string prefix = "bq";
};

class BeeQueue final : public Preset {
 public:
  explicit BeeQueue(const BeeQueueOptions& options = {});
};

}  // namespace metrics::layouts
