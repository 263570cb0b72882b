#include "metrics/redis/resp.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <span>
#include <system_error>
#include <utility>

#include "metrics/go_quote.h"

namespace metrics::redis {
namespace {

/// "*3\r\n" and the like.
void AppendHeader(std::string& out, char type, std::size_t number) {
  std::array<char, 20> digits;  // As long as 2^64.
  auto* const end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out += type;
  out.append(digits.data(), end);
  out += "\r\n";
}

constexpr std::string_view kMulti = "*1\r\n$5\r\nMULTI\r\n";
constexpr std::string_view kExec = "*1\r\n$4\r\nEXEC\r\n";

bool IsError(const Reply& reply) { return reply.type == Reply::Type::kError; }

/// Never shows more than the first byte: the rest may be of a job.
[[noreturn]] void RejectItem(char type) {
  throw ProtocolError("what is not RESP: something that begins with " + GoQuote(std::string_view(&type, 1)));
}

template <typename Number>
std::optional<Number> ParseWhole(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

bool IsDouble(std::string_view text) {
  double number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error != std::errc::invalid_argument && end == text.data() + text.size();
}

bool IsBigNumber(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

void Batch::Add(std::initializer_list<std::string_view> words) {
  Command command;
  command.begin = bytes_.size();
  const std::size_t key_index = *words.begin() == "XINFO" ? 2 : 1;
  std::size_t index = 0;
  AppendHeader(bytes_, '*', words.size());
  for (const std::string_view word : words) {
    AppendHeader(bytes_, '$', word.size());
    if (index++ == key_index) {
      command.key_begin = bytes_.size();
      command.key_size = word.size();
    }
    bytes_.append(word).append("\r\n");
  }
  command.end = bytes_.size();
  commands_.push_back(command);
}

void Batch::AddFrom(const Batch& other, std::size_t index) {
  Command command = other.commands_[index];
  const std::size_t begin = bytes_.size();
  bytes_.append(other.bytes_, command.begin, command.end - command.begin);
  command.key_begin += begin - command.begin;
  command.begin = begin;
  command.end = bytes_.size();
  commands_.push_back(command);
}

void Batch::BeginTransaction() {
  bytes_ += kMulti;
  transactions_.push_back({commands_.size(), 0});
}

void Batch::EndTransaction() {
  bytes_ += kExec;
  transactions_.back().count = commands_.size() - transactions_.back().first;
}

std::string_view Batch::Key(std::size_t index) const {
  const Command& command = commands_[index];
  return std::string_view(bytes_).substr(command.key_begin, command.key_size);
}

std::vector<Reply> Batch::Unwrap(std::vector<Reply> raw) const {
  if (transactions_.empty()) return raw;
  std::vector<Reply> replies;
  replies.reserve(size());
  auto next = raw.begin();
  const auto take = [&](std::size_t count) {
    const auto begin = next;
    next += static_cast<std::ptrdiff_t>(count);
    replies.insert(replies.end(), std::make_move_iterator(begin), std::make_move_iterator(next));
  };
  for (const auto& [first, count] : transactions_) {
    take(first - replies.size());
    const std::span<Reply> preface(&*next, count + 1);  // To MULTI, then "QUEUED" for each command.
    next += static_cast<std::ptrdiff_t>(count + 1);
    Reply& result = *next++;
    if (result.type == Reply::Type::kArray && result.elements.size() == count) {
      replies.insert(replies.end(), std::make_move_iterator(result.elements.begin()),
                     std::make_move_iterator(result.elements.end()));
    } else {
      // The first refusal is the cause of those that follow.
      const auto refused = std::find_if(preface.begin(), preface.end(), IsError);
      replies.insert(replies.end(), count, refused == preface.end() ? result : *refused);
    }
  }
  take(size() - replies.size());
  return replies;
}

void ReplyReader::Feed(std::string_view bytes) {
  constexpr std::size_t kKept = std::size_t{64} << 10U;  // Of the memory for a reply that was read.
  if (position_ == buffer_.size() && buffer_.capacity() > kKept) {
    buffer_ = {};
  } else {
    buffer_.erase(0, position_);
  }
  searched_ -= std::min(searched_, position_);
  position_ = 0;
  buffer_ += bytes;
  unfinished_bytes_ += bytes.size();
}

bool ReplyReader::Next(Reply& reply) {
  while (!is_complete_) {
    if (ReadItem()) continue;
    if (unfinished_bytes_ <= kMaxReplyBytes) return false;
    throw ProtocolError("with a reply longer than " + std::to_string(kMaxReplyBytes) + " bytes");
  }
  is_complete_ = false;
  reply = std::exchange(root_, {});
  return true;
}

bool ReplyReader::ReadItem() {
  if (text_type_ != 0) return TakeText();
  if (position_ == buffer_.size()) return false;
  const char type = buffer_[position_];
  // Told by the first byte, since what does not speak RESP may never end a line.
  if (std::string_view("+-:$*_#,(!=%~>|").find(type) == std::string_view::npos) RejectItem(type);
  const auto line = NextLine();
  if (!line) return false;
  if (open_.empty()) elements_ = 0;
  TakeLine(type, line->substr(1));
  return true;
}

std::optional<std::string_view> ReplyReader::NextLine() {
  const std::size_t end = buffer_.find("\r\n", std::max(position_, searched_));
  if (end == std::string::npos) {
    searched_ = buffer_.size() - 1;  // A '\r' there may be half of the end.
    return std::nullopt;
  }
  const auto line = std::string_view(buffer_).substr(position_, end - position_);
  position_ = end + 2;
  return line;
}

void ReplyReader::TakeLine(char type, std::string_view line) {
  using Type = Reply::Type;
  const auto is = [&](bool right, Reply reply) {
    if (!right) RejectItem(type);
    Place() = std::move(reply);
    EndItem();
  };
  const auto text = [line](Type of) { return Reply{.type = of, .text = std::string(line)}; };
  switch (type) {
    case '+':
      return is(true, text(Type::kStatus));
    case '-':
      return is(true, text(Type::kError));
    case ':': {
      const auto number = ParseWhole<std::int64_t>(line);
      return is(number.has_value(), {.type = Type::kInteger, .integer = number.value_or(0)});
    }
    case '_':
      return is(line.empty(), {});
    case '#':
      return is(line == "t" || line == "f", {.type = Type::kInteger, .integer = line == "t" ? 1 : 0});
    case ',':
      return is(IsDouble(line), text(Type::kString));
    case '(':
      return is(IsBigNumber(line), text(Type::kString));
    default:
      break;
  }
  const bool may_be_nil = type == '$' || type == '*';
  if (may_be_nil && line == "-1") return is(true, {});
  const auto size = ParseWhole<std::size_t>(line);
  if (!size) RejectItem(type);
  switch (type) {
    case '%':
    case '|':
      if (*size > kMaxReplyElements) throw ProtocolError("with an array that is too large");
      return OpenAggregate(2 * *size, type == '|');
    case '>':
      if (!open_.empty()) RejectItem(type);  // Messages come between replies.
      return OpenAggregate(*size, true);
    case '*':
    case '~':
      return OpenAggregate(*size, false);
    default:
      text_type_ = type;
      text_size_ = *size;
  }
}

bool ReplyReader::TakeText() {
  constexpr std::size_t kFormat = 4;  // "txt:", how the text of '=' begins.
  const std::size_t have = buffer_.size() - position_;
  if (text_size_ > have || have - text_size_ < 2) return false;
  std::string_view text = std::string_view(buffer_).substr(position_, text_size_);
  if (std::string_view(buffer_).substr(position_ + text_size_, 2) != "\r\n") RejectItem(text_type_);
  if (text_type_ == '=') {
    if (text_size_ < kFormat || text[kFormat - 1] != ':') RejectItem(text_type_);
    text.remove_prefix(kFormat);
  }
  Place() = {.type = text_type_ == '!' ? Reply::Type::kError : Reply::Type::kString, .text = std::string(text)};
  position_ += text_size_ + 2;
  text_type_ = 0;
  EndItem();
  return true;
}

void ReplyReader::OpenAggregate(std::size_t count, bool is_apart) {
  if (open_.size() >= kMaxDepth) throw ProtocolError("with arrays nested too deep");
  if (count > kMaxReplyElements - elements_) throw ProtocolError("with an array that is too large");
  elements_ += count;
  Reply& place = Place();
  place = {.type = Reply::Type::kArray};
  if (count == 0) return EndAggregate(is_apart);
  place.elements.resize(count);
  open_.push_back({&place, 0, is_apart});
}

void ReplyReader::EndAggregate(bool is_apart) {
  if (!is_apart) return EndItem();
  // What it belongs to comes next, in its place.
  if (open_.empty()) EndRoot();
}

void ReplyReader::EndItem() {
  if (open_.empty()) {
    is_complete_ = true;
    return EndRoot();
  }
  Open& inner = open_.back();
  if (++inner.next < inner.aggregate->elements.size()) return;
  const bool is_apart = inner.is_apart;
  open_.pop_back();
  EndAggregate(is_apart);
}

void ReplyReader::EndRoot() { unfinished_bytes_ = buffer_.size() - position_; }

Reply& ReplyReader::Place() { return open_.empty() ? root_ : open_.back().aggregate->elements[open_.back().next]; }

}  // namespace metrics::redis
