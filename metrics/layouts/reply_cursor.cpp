#include "metrics/layouts/reply_cursor.h"

namespace metrics::layouts {

using redis::Reply;

namespace {

std::vector<std::string_view> TextsIn(const Reply& reply, std::string_view command, std::string_view key) {
  if (reply.type != Reply::Type::kArray) RejectReply(reply, command, key);
  std::vector<std::string_view> texts;
  texts.reserve(reply.elements.size());
  for (const Reply& element : reply.elements) {
    if (element.type != Reply::Type::kString) RejectReply(element, command, key);
    texts.emplace_back(element.text);
  }
  return texts;
}

}  // namespace

std::size_t BytesOf(const Reply& reply) {
  std::size_t bytes = reply.text.size();
  for (const Reply& element : reply.elements) bytes += BytesOf(element);
  return bytes;
}

const Reply& ReplyCursor::Next() {
  const Reply& reply = *rest_.front();
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
  return TextsIn(Next(), command, key);
}

std::vector<std::string_view> ReplyCursor::Fields(std::string_view command, std::string_view key) {
  const Reply& reply = Next();
  if (reply.type != Reply::Type::kArray) RejectReply(reply, command, key);
  std::vector<std::string_view> fields;
  fields.reserve(reply.elements.size());
  for (const Reply& field : reply.elements) {
    if (field.type != Reply::Type::kString && field.type != Reply::Type::kNil) RejectReply(field, command, key);
    fields.emplace_back(field.text);
  }
  return fields;
}

std::vector<MemberAndScore> ReplyCursor::MembersAndScores(std::string_view command, std::string_view key) {
  const Reply& reply = Next();
  const bool in_pairs = !reply.elements.empty() && reply.elements.front().type == Reply::Type::kArray;
  std::vector<std::string_view> in_turn;
  if (in_pairs) {
    for (const Reply& element : reply.elements) {
      const auto pair = TextsIn(element, command, key);
      if (pair.size() != 2) RejectReply(element, command, key);
      in_turn.insert(in_turn.end(), pair.begin(), pair.end());
    }
  } else {
    in_turn = TextsIn(reply, command, key);
  }
  if (in_turn.size() % 2 != 0) RejectReply(reply, command, key);
  std::vector<MemberAndScore> members;
  members.reserve(in_turn.size() / 2);
  for (std::size_t i = 0; i < in_turn.size(); i += 2) members.push_back({in_turn[i], in_turn[i + 1]});
  return members;
}

}  // namespace metrics::layouts
