// The listener: one reactor thread owns every connection, so that no client can hold a thread by being slow.
//
//   accept -> TLS handshake -> request head -> Handler … HttpEngine -> response -> next head
//
// Each step is non-blocking and has a deadline; heads are bounded; when there is no room for a new connection, the one
// that deserves its place least is shed. A connection has one request in progress at most. Only the arithmetic of
// handshakes is done elsewhere, since a crowd of newcomers has much of it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "server/http/http_message.h"
#include "server/http/request_head.h"
#include "server/http/tls_context.h"

namespace server::http {

struct ListenerOptions {
  std::string bind_address = "0.0.0.0";  // An IPv4 or IPv6 address; "::" takes both families.
  std::uint16_t port = 8443;             // 0 asks the system for a free one.
  // Deadlines are kept to within half a second.
  std::chrono::milliseconds handshake_timeout{5'000};  // The aggregator gives up after 10 s.
  std::chrono::milliseconds head_timeout{5'000};       // From the first byte of a head to its last.
  std::chrono::milliseconds idle_timeout{120'000};     // Longer than the 90 s for which Go keeps idle connections.
  std::chrono::milliseconds response_timeout{30'000};
  /// For requests in flight once Drain() is called. With the delay before, less than the 30 s that a pod is given.
  std::chrono::milliseconds drain_timeout{20'000};
  std::size_t max_connections = 512;  // At up to 80 KiB each. Fewer if there are fewer descriptors (ulimit -n).
  HeadLimits head_limits;
};

/// Told about connections, from the reactor thread; must be quick and must not throw.
class ListenerObserver {
 public:
  ListenerObserver() = default;
  ListenerObserver(const ListenerObserver&) = delete;
  ListenerObserver& operator=(const ListenerObserver&) = delete;
  virtual ~ListenerObserver() = default;

  virtual void OnOpenConnections(std::size_t count) = 0;
  /// A connection was closed to make room.
  virtual void OnShed() = 0;
  virtual void OnHandshakeError() = 0;
  /// A request was refused before it became one: 400, 431, 501, 505.
  virtual void OnRejectedHead(int status) = 0;
};

class HttpsServer {
 public:
  /// What to answer, besides `handler`'s answers, to something that is not a request.
  using RejectionHandler = std::function<Response(int status, std::string_view message)>;

  /// Binds and listens. Throws std::system_error naming the address. `observer` must outlive the server.
  /// Answers that come when the server is gone are dropped.
  HttpsServer(ListenerOptions options, std::shared_ptr<const TlsContext> tls, Handler handler,
              RejectionHandler rejection, ListenerObserver& observer);
  HttpsServer(const HttpsServer&) = delete;
  HttpsServer& operator=(const HttpsServer&) = delete;
  ~HttpsServer();

  /// The port listened on.
  std::uint16_t port() const;

  /// Serve() also waits for `fd`, which must stay open, and calls `act` before it waits again, whatever it waited for;
  /// that must be quick and must not throw. So one thread can wait for clients and for what the handler needs. Call
  /// once, before Serve().
  void AlsoWaitFor(int fd, std::function<void()> act);

  /// Serves on the calling thread until Drain() has done its work. Call once.
  void Serve();

  /// Handshakes that begin from now on use `tls`; open connections live on as they are. Any thread.
  void UseTls(std::shared_ptr<const TlsContext> tls);

  /// From now on each answer ends its connection, so that clients move on while this server still serves. Any thread.
  void AnnounceShutdown();

  /// Accepts nothing more, closes idle connections, lets requests in flight end (for drain_timeout at most), then makes
  /// Serve() return. Any thread.
  void Drain();

 private:
  class Reactor;
  std::unique_ptr<Reactor> reactor_;
};

}  // namespace server::http
