// TLS to a Redis as a filter between its bytes and ours: the only unit here that knows OpenSSL.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "metrics/redis/redis_options.h"

struct ssl_st;

namespace metrics::redis {

/// The text completes "Redis at HOST:PORT ".
class TlsError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The client's side of one session, TLS 1.2 or 1.3. Does no input or output but reading the files it is told of: what
/// came from the server goes in, what is to be sent there comes out. Not for several threads at once; not usable after
/// it has thrown, except that TakeOutput() may then hold the alert that tells the server why.
class TlsSession {
 public:
  /// Reads the files of `options` as they are now. `host` stands in for an empty `server_name`.
  /// Throws TlsError.
  TlsSession(const TlsOptions& options, const std::string& host);

  /// Takes bytes of the server, at least one, and appends what they say to `plain`.
  /// Throws TlsError.
  void Receive(std::string_view bytes, std::string& plain);

  /// The server is who it should be, and Send() may be called.
  bool established() const { return established_; }

  void Send(std::string_view plain);

  /// What must be sent to the server by now; after each of the above.
  std::string TakeOutput();

 private:
  struct Free {
    void operator()(ssl_st* session) const noexcept;
  };

  void ShakeHands();

  const std::string expected_name_;
  std::unique_ptr<ssl_st, Free> session_;
  bool heard_ = false;
  bool established_ = false;
};

}  // namespace metrics::redis
