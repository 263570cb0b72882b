// A TLS server on loopback that does what a test tells it, for what a real kube-apiserver cannot be made to do.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "server/http/unique_fd.h"
#include "test/support/certificates.h"

struct ssl_ctx_st;
struct ssl_st;

namespace test {

/// One accepted connection. Every wait ends when the server is destroyed.
class TlsPeer {
 public:
  explicit TlsPeer(ssl_st* session) : session_(session) {}

  /// A request with its body; empty at the end of the connection.
  std::string ReadRequest();
  /// False if the connection has ended.
  bool Write(std::string_view bytes);
  /// 200 and JSON.
  void Answer(std::string_view body);
  /// The common name of the client's certificate; empty if it showed none.
  std::string client() const;

 private:
  ssl_st* session_;
  std::string input_;
};

/// Serves each connection on a thread of its own and closes it when `script` returns.
class TlsServer {
 public:
  using Script = std::function<void(TlsPeer&)>;

  TlsServer(const Certificate& certificate, Script script);
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;
  ~TlsServer();

  std::uint16_t port() const { return port_; }
  /// Connections accepted so far.
  int accepted() const { return accepted_; }

 private:
  struct Connection {
    server::http::UniqueFd fd;
    std::thread thread;
  };
  void Accept();
  void Serve(int fd) const;

  const Script script_;
  const std::shared_ptr<ssl_ctx_st> context_;
  const server::http::UniqueFd listener_;
  std::uint16_t port_ = 0;
  std::atomic<int> accepted_ = 0;
  std::list<Connection> connections_;  // The accepting thread's own, until it has ended.
  std::thread accepting_;
};

}  // namespace test
