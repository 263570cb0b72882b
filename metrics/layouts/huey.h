// Huey: a list (or, with priorities, a sorted set) of waiting tasks, a sorted set of scheduled ones (also retries).
// What a consumer has taken is in no key.
#pragma once

#include "metrics/layouts/preset.h"

namespace metrics::layouts {

struct HueyOptions {
  /// PriorityRedisHuey.
  bool priority = false;
};

/// The queue is the name given to Huey, which drops all characters but letters, digits and "_" in its keys.
class Huey final : public QueueLayout {
 public:
  explicit Huey(const HueyOptions& options = {});

  QueueParts Offers() const override { return keys_.Offers(); }
  void Ask(const QueueRead& read, redis::Batch& batch) const override;
  std::optional<QueueCounts> Count(const QueueRead& read, Replies replies, redis::Batch& more) const override;

 private:
  const Preset keys_;
};

}  // namespace metrics::layouts
