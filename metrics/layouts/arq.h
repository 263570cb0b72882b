// arq: one sorted set of all jobs that are not finished, scored by when they are due, and a key for each that is
// running.
#pragma once

#include "metrics/queue_layout.h"

namespace metrics::layouts {

/// The queue is arq's queue_name, "arq:queue" unless it was set. Waiting and in flight together are exact; of more than
/// a thousand jobs that are due, which are which is not told.
class Arq final : public QueueLayout {
 public:
  QueueParts Offers() const override {
    return {.waiting = true, .in_flight = true, .delayed = true, .oldest_age = true};
  }
  void Ask(const QueueRead& read, redis::Batch& batch) const override;
  std::optional<QueueCounts> Count(const QueueRead& read, Replies replies, redis::Batch& more) const override;
};

}  // namespace metrics::layouts
