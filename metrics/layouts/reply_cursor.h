// Walks over the replies to a layout's commands in the order in which they were asked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "metrics/queue_layout.h"
#include "metrics/redis/reply.h"

namespace metrics::layouts {

/// Of a sorted set.
struct MemberAndScore {
  std::string_view member;
  std::string_view score;
};

/// Of all texts in it.
std::size_t BytesOf(const redis::Reply& reply);

/// Each call takes the next reply. `command` and `key` are what was asked, for the error if the reply is not what the
/// command gives: MetricUnavailableError. The replies must outlive what is returned.
class ReplyCursor {
 public:
  explicit ReplyCursor(Replies replies) : rest_(replies) {}

  /// Nothing was asked beyond this.
  bool AtEnd() const { return rest_.empty(); }
  std::size_t Remaining() const { return rest_.size(); }

  const redis::Reply& Next();
  std::int64_t Count(std::string_view command, std::string_view key) { return CountFrom(Next(), command, key); }
  /// Nothing for a key or field that does not exist.
  std::optional<std::string_view> Text(std::string_view command, std::string_view key);
  /// A list of strings. Empty for a key that does not exist.
  std::vector<std::string_view> Texts(std::string_view command, std::string_view key);
  /// As many strings as there are fields in an HMGET, "" for each that does not exist.
  std::vector<std::string_view> Fields(std::string_view command, std::string_view key);
  /// What WITHSCORES gives: in turn in RESP2, in pairs in RESP3. Empty for a key that does not exist.
  std::vector<MemberAndScore> MembersAndScores(std::string_view command, std::string_view key);

 private:
  Replies rest_;
};

}  // namespace metrics::layouts
