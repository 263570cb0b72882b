// A queue that is one key: as long as its list, set, sorted set, hash or stream.
#pragma once

#include "metrics/queue_layout.h"

namespace metrics::layouts {

/// Most queues are lists, so LLEN is asked first. Only a key of another type costs a second round trip, which asks for
/// every length it could have, since the type is not known before.
class ByType final : public QueueLayout {
 public:
  QueueParts Offers() const override { return {.waiting = true}; }
  void Ask(const QueueRead& read, redis::Batch& batch) const override;
  std::optional<QueueCounts> Count(const QueueRead& read, Replies replies, redis::Batch& more) const override;
};

}  // namespace metrics::layouts
