// TLS handshakes: each costs a signature, which would hold the reactor up, and there may be a crowd of them.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>

#include "server/http/openssl_error.h"
#include "server/http/unique_fd.h"

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
  explicit Handshaker(std::function<void(std::uint64_t connection, Result)> report);
  Handshaker(const Handshaker&) = delete;
  Handshaker& operator=(const Handshaker&) = delete;
  ~Handshaker();

  /// Goes on with a handshake and reports how far it came. Until then the session must be left alone; if its owner lets
  /// go of it, it is forgotten.
  ///
  /// Whoever is half-way has paid for it and has little left to do: it is next. The others have their turn in the order
  /// they came, so that a crowd delays nobody by more than its own handshakes.
  void GoOn(std::uint64_t connection, const std::shared_ptr<Session>& session);

 private:
  struct Job {
    std::uint64_t connection;
    std::weak_ptr<Session> session;
  };

  void Work(const std::stop_token& stop);

  const std::function<void(std::uint64_t connection, Result)> report_;
  std::mutex mutex_;
  std::condition_variable_any available_;
  std::deque<Job> jobs_;                 // Guarded by mutex_.
  std::array<std::jthread, 2> threads_;  // Last, so that they end first.
};

}  // namespace server::http
