#include "server/wire/json_writer.h"

#include <array>
#include <charconv>

#include "metrics/utf8.h"

namespace server::wire {
namespace {

/// Go escapes these so that JSON may stand inside of HTML and of old JavaScript.
bool NeedsEscape(unsigned char byte) {
  return byte < 0x20 || byte >= 0x80 || byte == '"' || byte == '\\' || byte == '<' || byte == '>' || byte == '&';
}

void AppendEscapedAscii(std::string& out, unsigned char byte) {
  constexpr std::string_view kHex = "0123456789abcdef";
  switch (byte) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out += kHex[byte >> 4U];
      out += kHex[byte & 0xfU];
  }
}

void AppendString(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    std::size_t plain = 0;
    while (plain < text.size() && !NeedsEscape(static_cast<unsigned char>(text[plain]))) {
      ++plain;
    }
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) {
      break;
    }
    const std::size_t length = metrics::DecodeUtf8(text).length;
    const std::string_view character = text.substr(0, length);
    if (length == 0) {
      out += "\\ufffd";
    } else if (length == 1) {
      AppendEscapedAscii(out, static_cast<unsigned char>(text.front()));
    } else if (character == "\u2028") {
      out += "\\u2028";
    } else if (character == "\u2029") {
      out += "\\u2029";
    } else {
      out += character;
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

}  // namespace

void JsonWriter::Key(std::string_view name) {
  BeforeValue();
  AppendString(out_, name);
  out_ += pretty_ ? ": " : ":";
  after_key_ = true;
}

void JsonWriter::String(std::string_view value) {
  BeforeValue();
  AppendString(out_, value);
}

void JsonWriter::Int(std::int64_t value) {
  BeforeValue();
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out_.append(digits.data(), end);
}

void JsonWriter::Bool(bool value) {
  BeforeValue();
  out_ += value ? "true" : "false";
}

void JsonWriter::Null() {
  BeforeValue();
  out_ += "null";
}

void JsonWriter::Begin(char bracket) {
  BeforeValue();
  out_ += bracket;
  ++depth_;
  first_ = true;
}

void JsonWriter::End(char bracket) {
  --depth_;
  if (!first_) {
    NewLine();
  }
  out_ += bracket;
  first_ = false;
}

void JsonWriter::BeforeValue() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (depth_ > 0) {
    if (!first_) {
      out_ += ',';
    }
    NewLine();
  }
  first_ = false;
}

void JsonWriter::NewLine() {
  if (pretty_) {
    out_ += '\n';
    out_.append(2 * depth_, ' ');
  }
}

}  // namespace server::wire
