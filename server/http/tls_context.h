// How this server speaks TLS: versions, ciphers, its own certificate, and which client certificates it believes.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "server/http/http_message.h"
#include "server/http/presented_certificates.h"

struct ssl_ctx_st;
struct ssl_st;

namespace server::http {

/// All PEM. `source` names where the certificate comes from, for messages.
struct TlsMaterial {
  std::string certificate_chain;  // Leaf first.
  std::string private_key;
  std::string client_ca;  // Whom VerifiedClient() believes; empty: nobody.
  std::string source;
  /// Clients are asked for a certificate even without `client_ca`, for somebody else to judge. Any will do: no CA is
  /// named as acceptable, so that a client never keeps back the one that would be.
  bool ask_for_client_certificate = false;

  bool operator==(const TlsMaterial&) const = default;
};

/// TLS 1.2 and 1.3 with forward-secret AEAD suites only, no renegotiation, no compression. Immutable, shareable between
/// threads.
class TlsContext {
 public:
  /// Throws std::runtime_error that says which part of the material is unusable and why.
  explicit TlsContext(const TlsMaterial& material);

  /// A new server-side session on the non-blocking socket `fd`, which stays the caller's. Throws std::runtime_error.
  /// Free it with SSL_free.
  ssl_st* NewSession(int fd) const;

  /// When the serving certificate ends.
  std::chrono::system_clock::time_point not_after() const { return not_after_; }

  /// Who the client of `session` proved to be, after the handshake; nothing without a certificate that the client CAs
  /// vouch for, now and for client authentication. The handshake itself never fails for a certificate: the answer to a
  /// stranger is 401, and health probes bring none.
  static std::optional<ClientCertificate> VerifiedClient(ssl_st* session);

  /// What the client of `session` showed, after the handshake, whether or not anybody believes it; null for nothing.
  static std::shared_ptr<const PresentedCertificates> Presented(ssl_st* session);

 private:
  std::shared_ptr<ssl_ctx_st> context_;
  std::chrono::system_clock::time_point not_after_;
};

}  // namespace server::http
