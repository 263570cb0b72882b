#include "metrics/layouts/reply_cursor.h"

namespace metrics::layouts {

using redis::Reply;

const Reply& ReplyCursor::Next() {
  const Reply& reply = rest_.front();
  rest_ = rest_.subspan(1);
  return reply;
}

std::optional<std::string_view> ReplyCursor::Text(std::string_view command, std::string_view key) {
  const Reply& reply = Next();
  if (reply.type == Reply::Type::kNil) return std::nullopt;
  if (reply.type != Reply::Type::kString) RejectReply(reply, command, key);
  return reply.text;
}

std::vector<std::string_view> ReplyCursor::Texts(std::string_view command, std::string_view key) {
  const Reply& reply = Next();
  if (reply.type != Reply::Type::kArray) RejectReply(reply, command, key);
  std::vector<std::string_view> texts;
  texts.reserve(reply.elements.size());
  for (const Reply& element : reply.elements) {
    if (element.type != Reply::Type::kString) RejectReply(element, command, key);
    texts.emplace_back(element.text);
  }
  return texts;
}

}  // namespace metrics::layouts
