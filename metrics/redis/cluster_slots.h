// Which node of a Redis Cluster has which key, as plain data: hash slots, and what its nodes say about them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/redis/redis_url.h"
#include "metrics/redis/reply.h"

namespace metrics::redis {

constexpr std::size_t kHashSlots = 16384;

/// What stands between the first '{' of a key and the next '}', if that is not empty.
std::optional<std::string_view> HashTag(std::string_view key);

/// CRC16 of the key, or of its hash tag.
std::uint16_t HashSlot(std::string_view key);

/// Slots that follow each other and have the same master.
struct SlotRange {
  std::uint16_t first;
  std::uint16_t last;
  RedisEndpoint master;
};

/// From the reply to CLUSTER SLOTS. A node that does not know by which name it is reached means the host that was
/// asked. None if the reply is anything else.
std::optional<std::vector<SlotRange>> ParseClusterSlots(const Reply& reply, const std::string& asked_host);

/// Where an error reply says a key is.
struct Redirection {
  bool is_moved;  // For good; otherwise (ASK) only for the next command.
  RedisEndpoint to;
};

/// From MOVED and ASK; none if the error is another.
std::optional<Redirection> ParseRedirection(std::string_view error, const std::string& asked_host);

}  // namespace metrics::redis
