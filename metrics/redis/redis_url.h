// Where a Redis is and who asks it, as a URL says it. Pure: nothing is resolved or opened.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace metrics::redis {

struct RedisEndpoint {
  /// A name, an IPv4 address, or an IPv6 address without brackets. Not used with `unix_path`.
  std::string host = "127.0.0.1";
  std::uint16_t port = 6379;
  /// A unix socket's path; empty for TCP.
  std::string unix_path{};
  std::uint32_t database = 0;

  bool operator==(const RedisEndpoint&) const = default;
};

/// For messages: "10.0.0.7:6379", "[::1]:6379" or the path of the unix socket.
std::string ToString(const RedisEndpoint& endpoint);

/// No user: the default user. Neither user nor password: no AUTH at all.
struct Credentials {
  std::string user{};
  std::string password{};
};

struct RedisUrl {
  RedisEndpoint endpoint;
  std::optional<Credentials> credentials;
  /// rediss://
  bool tls = false;
};

/// The text names the part that is wrong, and never quotes it: any part may be a misplaced password.
class RedisUrlError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Parses `redis[s]://[[user][:password]@]host[:port][/database]` or `unix://[[user][:password]@]/path[?db=database]`.
/// User, password, host and path may be percent-encoded; an IPv6 address stands in brackets.
/// Throws RedisUrlError.
RedisUrl ParseRedisUrl(std::string_view url);

}  // namespace metrics::redis
