// A real redis-server of a test's own: on a free port of loopback and on a unix socket, without persistence.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "metrics/redis/redis_url.h"
#include "metrics/redis/reply.h"
#include "metrics/redis/unique_fd.h"

namespace test {

/// Throws std::runtime_error when something goes wrong with the server.
class RedisServer {
 public:
  /// Starts it with `arguments` and waits until it answers, if only by LOADING.
  explicit RedisServer(std::vector<std::string> arguments = {}) : RedisServer({}, std::move(arguments)) {}
  /// A Sentinel, with `configuration` as the start of the file that it keeps.
  static std::unique_ptr<RedisServer> Sentinel(const std::string& configuration,
                                               std::vector<std::string> arguments = {});
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;
  /// Kills it and removes its folder.
  ~RedisServer();

  std::uint16_t port() const { return port_; }
  const std::filesystem::path& folder() const { return folder_; }
  std::string unix_path() const { return folder_ / "redis.sock"; }
  /// 127.0.0.1 and the port.
  metrics::redis::RedisEndpoint endpoint() const;

  /// Sends a command on a connection that is kept unless the server closes it, and that a password set later does not
  /// shut out. Throws std::runtime_error for an error reply.
  metrics::redis::Reply Command(std::initializer_list<std::string_view> words);

  /// Stops its process where it is (the kernel still accepts connections for it), and lets it go on.
  void Freeze() const;
  void Thaw() const;

  /// Ends it at once, as a crash would.
  void Kill();
  /// Starts it again on the same port, this time with `more` arguments.
  void Start(const std::vector<std::string>& more = {});

 private:
  RedisServer(const std::string& configuration, std::vector<std::string> arguments);
  bool TryToStart(const std::vector<std::string>& more);
  bool HasExited();

  const bool is_sentinel_;
  const std::vector<std::string> arguments_;
  const std::filesystem::path folder_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
  metrics::redis::UniqueFd connection_;
};

/// A port of 127.0.0.1 that nobody listens on just now.
std::uint16_t FreePort();

}  // namespace test
