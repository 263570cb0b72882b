// A queue that is one key: as long as its list, set, sorted set, hash or stream.
#pragma once

#include "metrics/queue_layout.h"

namespace metrics::layouts {

/// Sends every command that could fit, since the type is not known before: the others are answered WRONGTYPE, and all
/// of it takes one round trip.
class ByType final : public QueueLayout {
 public:
  void Ask(std::string_view queue, redis::Batch& batch) const override;
  QueueCounts Count(std::string_view queue, std::span<const redis::Reply> replies) const override;
};

}  // namespace metrics::layouts
