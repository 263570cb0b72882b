// Bull 3 and 4: lists of waiting (or paused) and active jobs, a sorted set of delayed ones (also retries with backoff).
#pragma once

#include <string>

#include "metrics/layouts/preset.h"

namespace metrics::layouts {

struct BullOptions {
  /// The option `prefix` of the queue; "{bull}" keeps a cluster's keys together.
  std::string prefix = "bull";
};

class Bull final : public Preset {
 public:
  explicit Bull(const BullOptions& options = {});
};

/// For Bull and BullMQ: when the job `id` was created, which its hash tells.
OldestJob OldestBullJob(const std::string& prefix, std::vector<OldestJob::Candidates> candidates);

}  // namespace metrics::layouts
