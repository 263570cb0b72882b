#include "metrics/redis/redis_url.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include <arpa/inet.h>
#include <sys/un.h>

namespace metrics::redis {
namespace {

constexpr auto kNone = std::string_view::npos;

[[noreturn]] void Fail(const std::string& problem) { throw RedisUrlError("the Redis URL " + problem); }

/// Digits only, in range; nothing else passes.
std::optional<std::uint32_t> ParseNumber(std::string_view text, std::uint32_t max) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number > max) return std::nullopt;
  return number;
}

std::string Decode(std::string_view text, const char* part) {
  std::string decoded;
  decoded.reserve(text.size());
  while (!text.empty()) {
    if (text.front() != '%') {
      decoded += text.front();
      text.remove_prefix(1);
      continue;
    }
    unsigned char byte = 0;
    const std::string_view digits = text.substr(1, 2);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (error != std::errc() || digits.size() < 2 || end != digits.data() + digits.size()) {
      Fail(std::string("has a '%' without two hexadecimal digits in its ") + part);
    }
    decoded += static_cast<char>(byte);
    text.remove_prefix(3);
  }
  if (decoded.find('\0') != std::string::npos) Fail(std::string("has a NUL in its ") + part);
  return decoded;
}

/// Takes "user:password@" off `authority`. The last '@' counts: the ones before it belong to the password.
std::optional<Credentials> TakeCredentials(std::string_view& authority) {
  const auto at = authority.rfind('@');
  if (at == kNone) return std::nullopt;
  const std::string_view userinfo = authority.substr(0, at);
  authority.remove_prefix(at + 1);
  const auto colon = userinfo.find(':');
  Credentials credentials{.user = Decode(userinfo.substr(0, colon), "user")};
  if (colon != kNone) credentials.password = Decode(userinfo.substr(colon + 1), "password");
  return credentials;
}

std::uint32_t ParseDatabase(std::string_view text) {
  const auto database = ParseNumber(text, std::numeric_limits<std::int32_t>::max());
  if (!database) Fail("has a database that is not a number from 0 up");
  return *database;
}

/// Takes the host off `authority` and leaves what follows it.
std::string TakeHost(std::string_view& authority) {
  if (authority.starts_with('[')) {
    const auto bracket = authority.find(']');
    if (bracket == kNone) Fail("has a host with '[' but no ']'");
    std::string host = Decode(authority.substr(1, bracket - 1), "host");
    in6_addr ignored{};
    if (inet_pton(AF_INET6, host.c_str(), &ignored) != 1) Fail("has brackets around what is not an IPv6 address");
    authority.remove_prefix(bracket + 1);
    return host;
  }
  const auto colon = authority.find(':');
  if (colon != authority.rfind(':')) Fail("has a host with several ':'; an IPv6 address needs brackets: [::1]");
  std::string host = Decode(authority.substr(0, colon), "host");
  if (host.empty()) Fail("has no host");
  const auto is_odd = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f' || c == '/'; };
  if (std::any_of(host.begin(), host.end(), is_odd)) Fail("has a host with a space, a control character or a '/'");
  authority.remove_prefix(std::min(colon, authority.size()));
  return host;
}

RedisUrl ParseTcp(std::string_view rest) {
  std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  std::string_view tail = rest.substr(authority.size());
  if (tail.find('@') != kNone) Fail("has a '/', '?' or '#' before its '@'; percent-encode it in the password");
  RedisUrl url;
  url.credentials = TakeCredentials(authority);
  url.endpoint.host = TakeHost(authority);
  if (!authority.empty()) {
    const auto port = authority.starts_with(':')
                          ? ParseNumber(authority.substr(1), std::numeric_limits<std::uint16_t>::max())
                          : std::nullopt;
    if (port.value_or(0) == 0) Fail("has a port that is not a number from 1 to 65535");
    url.endpoint.port = static_cast<std::uint16_t>(*port);
  }
  if (tail.find_first_of("?#") != kNone) Fail("has a '?' or '#', which stands for nothing there");
  if (tail.size() > 1) url.endpoint.database = ParseDatabase(tail.substr(1));
  return url;
}

RedisUrl ParseUnix(std::string_view rest) {
  std::string_view authority = rest.substr(0, rest.find('/'));
  std::string_view tail = rest.substr(authority.size());
  RedisUrl url;
  url.credentials = TakeCredentials(authority);
  if (!authority.empty()) Fail("has a host, which unix:// does not know; a path needs three slashes: unix:///path");
  const std::string_view path = tail.substr(0, tail.find_first_of("?#"));
  tail.remove_prefix(path.size());
  url.endpoint.unix_path = Decode(path, "path");
  if (url.endpoint.unix_path.size() < 2) Fail("has no path");
  if (url.endpoint.unix_path.size() >= sizeof(sockaddr_un::sun_path)) {
    Fail("has a path longer than the " + std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " bytes of a unix socket");
  }
  constexpr std::string_view kDatabase = "?db=";
  if (tail.starts_with(kDatabase)) {
    url.endpoint.database = ParseDatabase(tail.substr(kDatabase.size()));
  } else if (!tail.empty()) {
    Fail("has a parameter other than db");
  }
  return url;
}

}  // namespace

std::string ToString(const RedisEndpoint& endpoint) {
  if (!endpoint.unix_path.empty()) return endpoint.unix_path;
  const bool bare = endpoint.host.find(':') == std::string::npos;
  return (bare ? endpoint.host : "[" + endpoint.host + "]") + ":" + std::to_string(endpoint.port);
}

RedisUrl ParseRedisUrl(std::string_view url) {
  constexpr std::string_view kTcp = "redis://";
  constexpr std::string_view kTls = "rediss://";
  constexpr std::string_view kUnix = "unix://";
  if (url.starts_with(kTcp)) return ParseTcp(url.substr(kTcp.size()));
  if (url.starts_with(kUnix)) return ParseUnix(url.substr(kUnix.size()));
  if (url.starts_with(kTls)) {
    RedisUrl parsed = ParseTcp(url.substr(kTls.size()));
    parsed.tls = true;
    return parsed;
  }
  Fail("does not begin with redis://, rediss:// or unix://");
}

}  // namespace metrics::redis
