// How a framework keeps a queue in Redis: what to ask, and what the answers mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "metrics/redis/reply.h"
#include "metrics/redis/resp.h"

namespace metrics {

/// What one queue holds.
struct QueueCounts {
  /// Jobs that nobody has taken yet. Never negative.
  std::int64_t waiting = 0;
};

/// Stateless; safe to use from several threads at once.
class QueueLayout {
 public:
  QueueLayout() = default;
  QueueLayout(const QueueLayout&) = delete;
  QueueLayout& operator=(const QueueLayout&) = delete;
  virtual ~QueueLayout() = default;

  /// Adds the commands that read `queue`. They only read, and there are always as many.
  virtual void Ask(std::string_view queue, redis::Batch& batch) const = 0;

  /// Counts from the replies to those commands. A queue whose keys do not exist is empty.
  /// Throws MetricUnavailableError: what cannot be known is never 0. The text is a sentence about the queue, to which
  /// the caller adds where it was read.
  virtual QueueCounts Count(std::string_view queue, std::span<const redis::Reply> replies) const = 0;
};

/// The count in a reply to `command` on `key`. Rejects a reply that is not a count.
std::int64_t CountFrom(const redis::Reply& reply, std::string_view command, std::string_view key);

/// Throws the MetricUnavailableError that says what is wrong with a reply to `command` on `key`: an error reply, or one
/// that the command never gives.
[[noreturn]] void RejectReply(const redis::Reply& reply, std::string_view command, std::string_view key);

}  // namespace metrics
