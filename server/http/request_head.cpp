#include "server/http/request_head.h"

#include <algorithm>
#include <array>
#include <utility>

#include "server/http/request_target.h"
#include "server/take_until.h"

namespace server::http {
namespace {

constexpr std::string_view kEndOfHead = "\r\n\r\n";

/// What the HPA and kubectl send, with what kube-apiserver adds.
constexpr std::size_t kUsualLines = 12;

/// Which bytes may be in something.
using CharacterSet = std::array<bool, 256>;

/// Letters, digits and `others`.
constexpr CharacterSet AlphanumericAnd(std::string_view others) {
  CharacterSet set{};
  for (const std::string_view some :
       {std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"), others}) {
    for (const char c : some) {
      set[static_cast<unsigned char>(c)] = true;
    }
  }
  return set;
}

/// RFC 9110 5.6.2.
constexpr CharacterSet kTokenCharacters = AlphanumericAnd("!#$%&'*+-.^_`|~");

/// What RFC 3986 3.2.2 and 3.2.3 make hosts and ports of.
constexpr CharacterSet kHostCharacters = AlphanumericAnd("-._~%!$&'()*+,;=:[]");

bool ConsistsOf(const CharacterSet& set, std::string_view text) {
  return std::all_of(text.begin(), text.end(), [&set](char c) { return set[static_cast<unsigned char>(c)]; });
}

bool IsToken(std::string_view text) { return !text.empty() && ConsistsOf(kTokenCharacters, text); }

bool IsControl(char c) { return (c >= 0 && c < ' ') || c == '\x7f'; }

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::string_view TakeLine(std::string_view& rest) {
  const std::size_t end = rest.find("\r\n");
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 2);
  return line;
}

HeadError BadRequest(std::string_view why) { return {400, std::string(why)}; }

/// The comma-separated list `value` has `option` in it.
bool ListContains(std::string_view value, std::string_view option) {
  while (!value.empty()) {
    if (EqualsIgnoringCase(Trim(TakeUntil(value, ',')), option)) {
      return true;
    }
  }
  return false;
}

std::optional<HeadError> ParseRequestLine(std::string_view line, RequestHead& head) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return BadRequest("malformed request line");
  }
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!IsToken(method)) {
    return BadRequest("malformed method");
  }
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return version.starts_with("HTTP/") ? HeadError{505, "only HTTP/1.1 and HTTP/1.0 are served"}
                                        : BadRequest("malformed request line");
  }
  const bool spaces_or_controls =
      std::any_of(target.begin(), target.end(), [](char c) { return c == ' ' || IsControl(c); });
  auto parsed = spaces_or_controls ? std::nullopt : ParseRequestTarget(target);
  if (!parsed) {
    return BadRequest("malformed request target");
  }
  head.request.method = method;
  head.request.path = std::move(parsed->path);
  head.request.segments = std::move(parsed->segments);
  head.request.query = std::move(parsed->query);
  head.version = version;
  return std::nullopt;
}

std::optional<HeadError> ParseFieldLine(std::string_view line, RequestHead& head) {
  const std::size_t colon = line.find(':');
  // A leading space would be a folded line, a space before the colon is how smuggling hides a name: neither is a token.
  if (colon == std::string_view::npos || !IsToken(line.substr(0, colon))) {
    return BadRequest("malformed header line");
  }
  const std::string_view value = Trim(line.substr(colon + 1));
  if (std::any_of(value.begin(), value.end(), [](char c) { return IsControl(c) && c != '\t'; })) {
    return BadRequest("control character in a header value");
  }
  head.request.headers.emplace_back(line.substr(0, colon), value);
  return std::nullopt;
}

/// RFC 9112 6: how long the message is must be beyond doubt.
std::optional<HeadError> CheckFraming(RequestHead& head) {
  std::size_t hosts = 0;
  std::size_t lengths = 0;
  bool chunked = false;
  head.close = head.version == "HTTP/1.0";
  for (const auto& [name, value] : head.request.headers) {
    if (EqualsIgnoringCase(name, "Host")) {
      ++hosts;
      if (!ConsistsOf(kHostCharacters, value)) {
        return BadRequest("malformed Host header");
      }
    } else if (EqualsIgnoringCase(name, "Content-Length")) {
      ++lengths;
      if (value.empty() || !std::all_of(value.begin(), value.end(), IsDigit)) {
        return BadRequest("malformed Content-Length");
      }
      head.close = head.close || value.find_first_not_of('0') != std::string::npos;
    } else if (EqualsIgnoringCase(name, "Transfer-Encoding")) {
      if (chunked || !EqualsIgnoringCase(value, "chunked")) {
        return HeadError{501, "only the chunked transfer coding is known"};
      }
      chunked = true;
    } else if (EqualsIgnoringCase(name, "Connection")) {
      head.close = head.close || ListContains(value, "close");
    }
  }
  if (hosts > 1 || (hosts == 0 && head.version == "HTTP/1.1")) {
    return BadRequest(hosts == 0 ? "missing Host header" : "more than one Host header");
  }
  if (lengths > 1 || (lengths == 1 && chunked) || (chunked && head.version == "HTTP/1.0")) {
    return BadRequest("ambiguous message length");
  }
  head.close = head.close || chunked;
  return std::nullopt;
}

}  // namespace

std::size_t FindHeadEnd(std::string_view received, std::size_t scanned, const HeadLimits& limits,
                        std::optional<HeadError>& error) {
  for (std::size_t newline = received.find('\n', scanned); newline != std::string_view::npos;
       newline = received.find('\n', newline + 1)) {
    if (newline == 0 || received[newline - 1] != '\r') {
      error = BadRequest("a line must end with CR LF");
      return 0;
    }
    if (newline + 1 > limits.bytes) {
      break;
    }
    if (newline + 1 >= kEndOfHead.size() &&
        received.substr(newline + 1 - kEndOfHead.size(), kEndOfHead.size()) == kEndOfHead) {
      return newline + 1;
    }
  }
  if (received.size() >= limits.bytes) {
    error = HeadError{431, "the request head is larger than " + std::to_string(limits.bytes) + " bytes"};
  }
  return 0;
}

RequestHead ParseHead(std::string_view head, const HeadLimits& limits, std::optional<HeadError>& error) {
  RequestHead parsed;
  head.remove_suffix(2);  // The blank line.
  if (head.size() > 2 && head.starts_with("\r\n")) {
    head.remove_prefix(2);  // RFC 9112 2.2: some clients end a request by one more line than it has.
  }
  parsed.request.headers.reserve(kUsualLines);
  error = ParseRequestLine(TakeLine(head), parsed);
  while (!error && !head.empty()) {
    if (parsed.request.headers.size() == limits.lines) {
      error = HeadError{431, "the request head has more than " + std::to_string(limits.lines) + " header lines"};
    } else {
      error = ParseFieldLine(TakeLine(head), parsed);
    }
  }
  if (!error) {
    error = CheckFraming(parsed);
  }
  return parsed;
}

}  // namespace server::http
