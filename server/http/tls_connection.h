// A TLS connection to another server, for callers that can wait neither longer than they say nor a moment longer than
// they are wanted.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "server/http/unique_fd.h"

struct ssl_ctx_st;
struct ssl_st;

namespace server::http {

struct TlsPeer {
  std::string host;  // A name or an address.
  std::uint16_t port;
  std::string name;  // Sent as SNI and looked for in the certificate. Empty: `host`.
  std::string ca;    // PEM: who may vouch for the server. Empty: the CAs of this system.
  /// PEM, leaf first: what is shown to a server that asks. Both or neither.
  std::string certificate_chain;
  std::string private_key;
};

/// How long to wait: until `deadline`, or until `interrupt` (a descriptor, or -1) is readable.
struct Patience {
  std::chrono::steady_clock::time_point deadline;
  int interrupt = -1;
};

class TlsConnectionError : public std::runtime_error {
 public:
  enum class Kind : std::uint8_t {
    kTimeout,
    kInterrupted,
    kLost,    // It was there, and the other side ended it.
    kFailed,  // It could not be made: nobody there, not to be trusted, nothing to show.
  };

  TlsConnectionError(Kind kind, const std::string& what) : std::runtime_error(what), kind_(kind) {}
  Kind kind() const { return kind_; }

 private:
  Kind kind_;
};

/// Its server is verified. TLS 1.2 or 1.3. One thread at a time; not usable after it has thrown. A name is resolved by
/// the system's resolver, which takes its own time; everything else keeps to the Patience it is given.
class TlsConnection {
 public:
  /// Throws TlsConnectionError.
  TlsConnection(const TlsPeer& peer, const Patience& patience);

  /// At least one byte, or 0 when the server has said that there are no more. Throws TlsConnectionError.
  std::size_t Read(char* data, std::size_t size, const Patience& patience);

  /// All of it. Throws TlsConnectionError.
  void Write(std::string_view data, const Patience& patience);

 private:
  static constexpr std::size_t kLargestChunk = 64 * 1024;  // OpenSSL counts in int.

  void ShakeHands(const Patience& patience);
  /// Waits for what `result`, which SSL_* just gave, asks for. False at the end of the stream.
  bool WaitAfter(int result, const Patience& patience);

  UniqueFd socket_;
  std::shared_ptr<ssl_ctx_st> context_;
  std::shared_ptr<ssl_st> session_;
};

}  // namespace server::http
