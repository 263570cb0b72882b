// A server on loopback that does what a test tells it, for what a real Redis cannot be made to do.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "metrics/redis/unique_fd.h"

namespace test {

/// One accepted connection. Every wait ends when the server is destroyed.
class Peer {
 public:
  explicit Peer(int socket) : socket_(socket) {}

  /// Reads until the bytes contain `text`, and returns all that were read; less if the connection ends before.
  std::string ReadUntil(std::string_view text);
  /// False if the connection has ended.
  bool Write(std::string_view bytes);
  /// Reads and drops everything until the other side closes.
  void WaitForEnd();

  /// Answers the handshake of a connection without credentials and with database 0.
  void AnswerHandshake();

 private:
  int socket_;
};

/// Accepts one connection after the other and closes each when its script returns.
class ScriptedServer {
 public:
  using Script = std::function<void(Peer&)>;

  explicit ScriptedServer(Script script);
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  ~ScriptedServer();

  std::uint16_t port() const { return port_; }
  /// Connections accepted so far.
  int accepted() const;

 private:
  void Serve();

  const Script script_;
  metrics::redis::UniqueFd listener_;
  std::uint16_t port_ = 0;

  mutable std::mutex mutex_;
  metrics::redis::UniqueFd current_;
  int accepted_ = 0;
  bool stopping_ = false;

  std::thread thread_;
};

/// A port of 127.0.0.1 on which a connect is never answered, neither accepted nor refused.
class BlackHole {
 public:
  BlackHole();
  std::uint16_t port() const { return port_; }

 private:
  metrics::redis::UniqueFd listener_;
  std::uint16_t port_ = 0;
  std::vector<metrics::redis::UniqueFd> clients_;  // Fill the queue of the listener, so that the kernel drops more.
};

}  // namespace test
