#include "metrics/redis/resp3_translator.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "metrics/go_quote.h"
#include "metrics/redis/protocol.h"
#include "metrics/redis/resp.h"

namespace metrics::redis {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

/// Never shows more than the first byte: the rest may be of a job.
[[noreturn]] void RejectItem(char type) {
  throw ProtocolError("what is not RESP: something that begins with " + GoQuote(std::string_view(&type, 1)));
}

/// Of `line`, which begins with its type.
std::string_view ValueOf(std::string_view line) { return line.substr(1, line.size() - 1 - kLineEnd.size()); }

std::size_t SizeOf(std::string_view line) {
  const std::string_view value = ValueOf(line);
  std::size_t size{};
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), size);
  if (error == std::errc::result_out_of_range) return std::string::npos;
  if (error != std::errc() || end != value.data() + value.size()) RejectItem(line.front());
  return size;
}

void AppendHeader(std::string& resp2, char type, std::size_t size) {
  resp2.append(1, type).append(std::to_string(size)).append(kLineEnd);
}

/// The beginning of `bytes`, no longer than `size`; both get shorter by it.
std::string_view Take(std::string_view& bytes, std::size_t& size) {
  const std::string_view taken = bytes.substr(0, size);
  bytes.remove_prefix(taken.size());
  size -= taken.size();
  return taken;
}

}  // namespace

void Resp3Translator::Translate(std::string_view bytes, std::string& resp2) {
  while (!bytes.empty()) {
    if (text_.line_end > 0) {
      TakeText(bytes, resp2);
    } else {
      TakeLine(bytes, resp2);
    }
  }
}

void Resp3Translator::TakeText(std::string_view& bytes, std::string& resp2) {
  Take(bytes, text_.left_out);
  const std::size_t begin = resp2.size();
  resp2 += Take(bytes, text_.on_one_line);
  std::replace_if(
      resp2.begin() + static_cast<std::ptrdiff_t>(begin), resp2.end(), [](char c) { return c == '\r' || c == '\n'; },
      ' ');
  resp2 += Take(bytes, text_.as_it_is);
  for (; text_.line_end > 0 && !bytes.empty(); --text_.line_end) {
    if (bytes.front() != kLineEnd[kLineEnd.size() - text_.line_end]) RejectItem(text_.type);
    if (!text_.is_apart) resp2 += bytes.front();
    bytes.remove_prefix(1);
  }
}

void Resp3Translator::TakeLine(std::string_view& bytes, std::string& resp2) {
  // Told by the first byte, since what does not speak RESP may never end a line.
  constexpr std::string_view kTypes = "+-:$*_#,(!=%~>|";
  if (line_.empty() && kTypes.find(bytes.front()) == std::string_view::npos) RejectItem(bytes.front());
  const std::size_t end = std::min(bytes.find('\n'), bytes.size() - 1);
  line_ += bytes.substr(0, end + 1);
  bytes.remove_prefix(end + 1);
  if (line_.size() > ReplyReader::kMaxReplyBytes) throw ReplyTooLong();
  if (line_.back() != '\n') return;
  if (!line_.ends_with(kLineEnd)) RejectItem(line_.front());
  TakeItem(line_, resp2);
  line_.clear();
}

void Resp3Translator::TakeItem(std::string_view line, std::string& resp2) {
  const char type = line.front();
  const bool is_apart = apart_ > 0;
  if (is_apart && type != '|') --apart_;  // An attribute is no item, but comes before one.
  if (line != "$-1\r\n" && line != "*-1\r\n") {
    if (std::string_view("*%~>|").find(type) != std::string_view::npos) {
      return TakeAggregate(type, line, is_apart, resp2);
    }
    if (std::string_view("$!=").find(type) != std::string_view::npos) return BeginText(type, line, is_apart, resp2);
  }
  const std::string_view value = ValueOf(line);
  std::string scalar(line);
  switch (type) {
    case '_':
      if (!value.empty()) RejectItem(type);
      scalar = "$-1\r\n";
      break;
    case '#':
      if (value != "t" && value != "f") RejectItem(type);
      scalar = value == "t" ? ":1\r\n" : ":0\r\n";
      break;
    case ',':
    case '(':
      scalar.clear();
      AppendHeader(scalar, '$', value.size());
      scalar.append(value).append(kLineEnd);
      break;
    default:
      break;
  }
  if (!is_apart) resp2 += scalar;
}

void Resp3Translator::TakeAggregate(char type, std::string_view line, bool is_apart, std::string& resp2) {
  const std::size_t size = SizeOf(line);
  if (size > ReplyReader::kMaxReplyElements) throw ArrayTooLarge();
  const std::size_t items = type == '%' || type == '|' ? 2 * size : size;
  if (is_apart || type == '>' || type == '|') {
    apart_ += items;
  } else {
    AppendHeader(resp2, '*', items);
  }
}

void Resp3Translator::BeginText(char type, std::string_view line, bool is_apart, std::string& resp2) {
  constexpr std::size_t kFormat = 4;  // "txt:", how the text of '=' begins.
  const std::size_t size = SizeOf(line);
  if (size > ReplyReader::kMaxReplyBytes) throw ReplyTooLong();
  text_ = {.type = type, .line_end = kLineEnd.size(), .is_apart = is_apart};
  if (is_apart) {
    text_.left_out = size;
  } else if (type == '!') {
    resp2 += '-';
    text_.on_one_line = size;
  } else {
    const std::size_t format = type == '=' ? kFormat : 0;
    if (size < format) RejectItem(type);
    AppendHeader(resp2, '$', size - format);
    text_.left_out = format;
    text_.as_it_is = size - format;
  }
}

}  // namespace metrics::redis
