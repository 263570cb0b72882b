// Any text is an endpoint or refused; written out from its parts, an endpoint reads as the same one. A refusal shows
// nothing of the text, which may hold a password.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "metrics/redis/redis_url.h"
#include "test/fuzz/fuzzing.h"

using fuzzing::Require;
using metrics::redis::ParseRedisUrl;
using metrics::redis::RedisUrl;
using metrics::redis::RedisUrlError;

namespace {

std::optional<std::string> Refusal(std::string_view url) {
  try {
    ParseRedisUrl(url);
    return std::nullopt;
  } catch (const RedisUrlError& error) {
    return error.what();
  }
}

std::string Escape(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    escaped += {'%', kDigits[byte / 16], kDigits[byte % 16]};
  }
  return escaped;
}

std::string Render(const RedisUrl& url) {
  const auto& endpoint = url.endpoint;
  std::string text = endpoint.unix_path.empty() ? "redis://" : "unix://";
  if (url.credentials) text += Escape(url.credentials->user) + ':' + Escape(url.credentials->password) + '@';
  const std::string database = std::to_string(endpoint.database);
  if (!endpoint.unix_path.empty()) return text + '/' + Escape(endpoint.unix_path.substr(1)) + "?db=" + database;
  const bool bare = endpoint.host.find(':') == std::string::npos;
  text += bare ? Escape(endpoint.host) : '[' + endpoint.host + ']';
  return text + ':' + std::to_string(endpoint.port) + '/' + database;
}

bool Same(const RedisUrl& left, const RedisUrl& right) {
  const auto& a = left.endpoint;
  const auto& b = right.endpoint;
  const bool credentials = left.credentials.has_value() == right.credentials.has_value() &&
                           (!left.credentials || (left.credentials->user == right.credentials->user &&
                                                  left.credentials->password == right.credentials->password));
  return credentials && a.host == b.host && a.port == b.port && a.unix_path == b.unix_path && a.database == b.database;
}

/// Letters changed to others: a refusal that shows some of the text shows it differently then.
std::string Disguised(std::string_view text) {
  std::string disguised(text);
  const auto first = disguised.find("://");
  for (std::size_t i = first == std::string::npos ? disguised.size() : first; i < disguised.size(); ++i) {
    char& c = disguised[i];
    if ((c >= 'g' && c <= 'z') || (c >= 'G' && c <= 'Z')) c = c == 'q' ? 'w' : 'q';
  }
  return disguised;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzzing::Text(data, size);
  if (const auto refusal = Refusal(text)) {
    Require(refusal->starts_with("the Redis URL "));
    if (text.find("?db=") == std::string_view::npos) Require(Refusal(Disguised(text)) == refusal);
    return 0;
  }
  const RedisUrl url = ParseRedisUrl(text);
  Require(url.endpoint.port != 0 && !url.endpoint.host.empty());
  Require(!ToString(url.endpoint).empty());
  Require(ToString(url.endpoint).find('\0') == std::string::npos);
  Require(Same(ParseRedisUrl(Render(url)), url));
  return 0;
}
