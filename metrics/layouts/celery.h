// Celery, with kombu's Redis transport: a list for each priority, and one hash, "unacked", of the messages that workers
// of all queues hold.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "metrics/layouts/message_hash.h"

namespace metrics::layouts {

/// The transport options of the same names.
struct CeleryOptions {
  std::string global_keyprefix{};
  std::string unacked_key = "unacked";
  /// Those besides 0 have lists of their own.
  std::vector<std::int64_t> priority_steps = {0, 3, 6, 9};
  std::string sep = "\x06\x16";
};

/// A message that is unacknowledged is in flight if its ETA has come, and delayed until then. With Celery's default,
/// early acknowledgement, a task that is running is in no key: only what is prefetched is in flight then.
class Celery final : public MessageHash {
 public:
  explicit Celery(CeleryOptions options = {});

  QueueParts Offers() const override { return {.waiting = true, .in_flight = true, .delayed = true}; }
  bool SharesKeys(const QueueParts& wanted) const override { return Matters(wanted); }

 private:
  std::string Key(std::string_view queue) const override;
  bool Matters(const QueueParts& wanted) const override { return wanted.in_flight || wanted.delayed; }
  std::optional<QueueCounts> CountMessages(const QueueRead& read, const Messages& messages, Replies further,
                                           redis::Batch& more) const override;

  const CeleryOptions options_;
};

}  // namespace metrics::layouts
