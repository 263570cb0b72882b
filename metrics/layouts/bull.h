// Bull 3 and 4: lists of waiting (or paused) and active jobs, a sorted set of delayed ones (also retries with backoff).
#pragma once

#include <string>
#include <string_view>
#include <vector>

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

/// Whether an element of a list of BullMQ 2 to 4 is no job: while only delayed ones are left, "0", later followed by
/// the time of the next, wakes the workers, also in the list of a paused queue.
bool IsBullMqMarker(std::string_view element);

/// For Bull and BullMQ: since when a job waits, which its hash tells.
OldestJob OldestBullJob(const std::string& prefix, std::vector<OldestJob::Candidates> candidates);

}  // namespace metrics::layouts
