#include "metrics/layouts/by_type.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "metrics/go_quote.h"
#include "metrics/metric_provider.h"
#include "metrics/redis/error_reply.h"

namespace metrics::layouts {
namespace {

using redis::Reply;

constexpr auto kCounters = std::to_array<std::string_view>({"LLEN", "SCARD", "ZCARD", "HLEN", "XLEN"});

bool IsWrongType(const Reply& reply) {
  return reply.type == Reply::Type::kError && redis::KindOfError(reply.text) == UnavailableKind::kWrongType;
}

}  // namespace

void ByType::Ask(const QueueRead& read, redis::Batch& batch) const { batch.Add({"LLEN", read.queue}); }

std::optional<QueueCounts> ByType::Count(const QueueRead& read, Replies replies, redis::Batch& more) const {
  if (!IsWrongType(*replies.front())) return QueueCounts{.waiting = CountFrom(*replies.front(), "LLEN", read.queue)};
  if (replies.size() == 1) {
    more.Add({"TYPE", read.queue});
    for (const std::string_view counter : kCounters) more.Add({counter, read.queue});
    return std::nullopt;
  }
  const Reply& type = *replies[1];
  if (type.type != Reply::Type::kStatus) RejectReply(type, "TYPE", read.queue);
  // A key that does not exist is an empty one of every type. If it is created, emptied or replaced between two
  // commands, more than one of them counts, and the largest count is one it really had.
  std::optional<std::int64_t> largest;
  for (std::size_t i = 0; i < kCounters.size(); ++i) {
    const Reply& reply = *replies[i + 2];
    if (!IsWrongType(reply)) {
      largest = std::max(largest, std::optional(CountFrom(reply, kCounters[i], read.queue)));
    }
  }
  if (!largest) {
    throw MetricUnavailableError(UnavailableKind::kWrongType, "the key " + GoQuote(read.queue) + " holds a " +
                                                                  std::string(type.text) +
                                                                  ", not a list, set, sorted set, hash or stream");
  }
  return QueueCounts{.waiting = *largest};
}

}  // namespace metrics::layouts
