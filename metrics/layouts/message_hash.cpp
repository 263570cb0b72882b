#include "metrics/layouts/message_hash.h"

#include <algorithm>

#include "metrics/go_quote.h"
#include "metrics/layouts/preset.h"
#include "metrics/layouts/reply_cursor.h"

namespace metrics::layouts {

void MessageHash::Ask(const QueueRead& read, redis::Batch& batch) const {
  if (Matters(read.wanted)) batch.Add({"HLEN", Key(read.queue)});
  rest_->Ask(read, batch);
}

std::optional<QueueCounts> MessageHash::Count(const QueueRead& read, Replies replies, redis::Batch& more) const {
  if (!Matters(read.wanted)) return rest_->Count(read, replies, more);
  const std::string key = Key(read.queue);
  const std::int64_t length = CountFrom(*replies.front(), "HLEN", key);
  if (length == 0) return rest_->Count(read, replies.subspan(1), more);
  if (length > static_cast<std::int64_t>(kMaxMessages)) RejectTooMany(kMaxMessages, "messages are in " + GoQuote(key));
  redis::Batch rest;
  rest_->Ask(read, rest);
  ReplyCursor cursor(replies.subspan(1 + rest.size()));
  if (cursor.AtEnd()) {
    more.Add({"HKEYS", key});
    return std::nullopt;
  }
  const auto fields = cursor.Texts("HKEYS", key);
  if (cursor.AtEnd() && !fields.empty()) {
    for (const std::string_view field : fields) more.Add({"HSTRLEN", key, field});
    return std::nullopt;
  }
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < fields.size(); ++i) bytes += cursor.Count("HSTRLEN", key);
  if (bytes > static_cast<std::int64_t>(kMaxBytes)) {
    RejectTooMany(kMaxBytes, "bytes of messages are in " + GoQuote(key));
  }
  if (cursor.AtEnd()) {
    more.Add({"HVALS", key});
    rest_->Ask(read, more);
    return std::nullopt;
  }
  const auto messages = cursor.Texts("HVALS", key);
  const auto last = replies.last(cursor.Remaining());
  const auto of_messages = CountMessages(read, messages, last.subspan(rest.size()), more);
  if (!of_messages) return std::nullopt;
  auto counts = rest_->Count(read, last, more);
  if (!counts) return std::nullopt;
  counts->waiting += of_messages->waiting;
  counts->in_flight += of_messages->in_flight;
  counts->delayed += of_messages->delayed;
  counts->oldest_age = std::max(counts->oldest_age, of_messages->oldest_age);
  return counts;
}

}  // namespace metrics::layouts
