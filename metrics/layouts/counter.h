// A queue that somebody else counts: a string that holds the number of jobs.
#pragma once

#include "metrics/queue_layout.h"

namespace metrics::layouts {

/// A key that does not exist is 0. What is not a number, or less than 0, is an error.
class Counter final : public QueueLayout {
 public:
  QueueParts Offers() const override { return {.waiting = true}; }
  void Ask(const QueueRead& read, redis::Batch& batch) const override;
  std::optional<QueueCounts> Count(const QueueRead& read, Replies replies, redis::Batch& more) const override;
};

}  // namespace metrics::layouts
