#include "server/http/request_target.h"

#include <algorithm>

#include "server/http/http_message.h"
#include "server/take_until.h"

namespace server::http {
namespace {

/// Of /apis/GROUP/VERSION/namespaces/NAMESPACE/METRIC.
constexpr std::size_t kSegmentsOfMetric = 6;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  if (c >= 'A' && c <= 'F') {
    return c - 'A' + 10;
  }
  return -1;
}

std::optional<std::string> Unescape(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  while (true) {
    const std::size_t percent = text.find('%');
    decoded.append(text.substr(0, percent));
    if (plus_is_space) {
      std::replace(decoded.end() - static_cast<std::ptrdiff_t>(std::min(percent, text.size())), decoded.end(), '+',
                   ' ');
    }
    if (percent == std::string_view::npos) {
      return decoded;
    }
    text.remove_prefix(percent);
    const int high = text.size() > 2 ? HexDigit(text[1]) : -1;
    const int low = high >= 0 ? HexDigit(text[2]) : -1;
    if (low < 0) {
      return std::nullopt;
    }
    decoded.push_back(static_cast<char>(high * 16 + low));
    text.remove_prefix(3);
  }
}

std::vector<std::pair<std::string, std::string>> ParseQuery(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> query;
  while (!text.empty()) {
    std::string_view value = TakeUntil(text, '&');
    if (value.empty() || value.find(';') != std::string_view::npos) {
      continue;
    }
    auto name = Unescape(TakeUntil(value, '='), true);
    auto decoded = Unescape(value, true);
    if (name && decoded) {
      query.emplace_back(std::move(*name), std::move(*decoded));
    }
  }
  return query;
}

/// Removes scheme and authority from a target in the absolute form, which a server accepts although only proxies are
/// sent it (RFC 9112 3.2.2). Whether they were there.
bool TakeAuthority(std::string_view& target) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (EqualsIgnoringCase(target.substr(0, scheme.size()), scheme)) {
      target.remove_prefix(std::min(target.find_first_of("/?", scheme.size()), target.size()));
      return true;
    }
  }
  return false;
}

}  // namespace

std::optional<RequestTarget> ParseRequestTarget(std::string_view target) {
  const bool is_absolute = TakeAuthority(target);
  std::string_view query = target;
  const std::string_view encoded_path = TakeUntil(query, '?');
  const bool is_root = is_absolute && encoded_path.empty();  // RFC 9110 4.2.3.
  if (!is_root && !encoded_path.starts_with('/')) {
    return std::nullopt;
  }
  auto path = is_root ? "/" : Unescape(encoded_path, false);
  if (!path) {
    return std::nullopt;
  }
  RequestTarget parsed;
  std::string_view rest = std::string_view(*path).substr(1);
  parsed.segments.reserve(kSegmentsOfMetric);
  for (std::size_t slash = rest.find('/'); slash != std::string_view::npos; slash = rest.find('/')) {
    parsed.segments.emplace_back(rest.substr(0, slash));
    rest.remove_prefix(slash + 1);
  }
  parsed.segments.emplace_back(rest);
  parsed.path = std::move(*path);
  parsed.query = ParseQuery(query);
  return parsed;
}

}  // namespace server::http
