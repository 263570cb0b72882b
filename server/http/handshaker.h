// TLS handshakes: each costs a signature, which would hold the reactor up, and there may be a crowd of them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "server/http/openssl_error.h"
#include "server/http/unique_fd.h"
#include "server/http/worker_pool.h"

namespace server::http {

/// A client's end of the line. The last to let go of it closes it.
struct Session {
  UniqueFd fd;
  UniqueSsl ssl;
};

/// Threads that shake hands. Safe to use from several threads at once.
class Handshaker {
 public:
  enum class Result : std::uint8_t { kDone, kWaitsForClient, kFailed, kIsPlainHttp };

  /// `report` is called from the threads, with the connection's number; of exceptions it may throw std::bad_alloc.
  explicit Handshaker(std::function<void(std::uint64_t connection, Result)> report) : report_(std::move(report)) {}

  /// Goes on with a handshake and reports how far it came. Until then the session must be left alone; if its owner lets
  /// go of it, it is forgotten.
  ///
  /// Whoever is half-way has paid for it and has little left to do: it is next. The others have their turn in the order
  /// they came, so that a crowd delays nobody by more than its own handshakes. Throws std::bad_alloc.
  void GoOn(std::uint64_t connection, const std::shared_ptr<Session>& session);

 private:
  static constexpr unsigned kThreads = 2;

  const std::function<void(std::uint64_t connection, Result)> report_;
  WorkerPool threads_{kThreads};  // Last, so that it ends first.
};

}  // namespace server::http
