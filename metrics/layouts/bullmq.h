// BullMQ: lists of waiting (or paused) and active jobs, sorted sets of prioritized and of delayed ones (also retries
// with backoff).
#pragma once

#include <string>

#include "metrics/layouts/preset.h"

namespace metrics::layouts {

struct BullMqOptions {
  /// The option `prefix` of the queue; "{bull}" keeps a cluster's keys together.
  std::string prefix = "bull";
};

class BullMq final : public Preset {
 public:
  explicit BullMq(const BullMqOptions& options = {});

  void Ask(const QueueRead& read, redis::Batch& batch) const override;
  std::optional<QueueCounts> Count(const QueueRead& read, std::span<const redis::Reply> replies,
                                   redis::Batch& more) const override;

 private:
  const std::string wait_;  // A pattern.
};

}  // namespace metrics::layouts
