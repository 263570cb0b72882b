// Whether a client's certificates chain to a pool of CAs. A server whose clients may belong to any of several pools
// cannot leave that to the TLS handshake, which knows one.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/http/presented_certificates.h"

struct stack_st_X509;

namespace server::http {

/// What a certificate says about its owner, in Kubernetes' reading of X.509.
struct CertificateOwner {
  std::string common_name;  // The last one; empty if there is none.
  std::vector<std::string> organizations;
  std::string uid;     // Of attribute 1.3.6.1.4.1.57683.2; mostly empty.
  std::string sha256;  // Of the whole certificate; lower-case hexadecimal.
};

/// A pool of CAs. Immutable; safe to use from several threads at once.
class CertificateVerifier {
 public:
  using Time = std::chrono::system_clock::time_point;

  /// Every certificate of `pem_bundle` is a trust anchor, as in Go's crypto/x509. Throws std::runtime_error that begins
  /// with `what` if there is none or one is malformed.
  CertificateVerifier(const std::string& pem_bundle, const std::string& what);

  /// The owner of the first certificate, if a chain leads from it to this pool that is valid `now` and for client
  /// authentication (which a certificate without extended key usage is). Null otherwise. The verdict is kept with the
  /// certificates, as long as it can stand, so that asking again costs next to nothing.
  std::shared_ptr<const CertificateOwner> Verify(const PresentedCertificates& presented, Time now) const;

 private:
  CertificateVerdict Judge(const PresentedCertificates& presented, Time now) const;

  const std::uint64_t id_;  // No other verifier of this process has it, not even at the same address later.
  /// Each alone in its stack: OpenSSL tries but one of the CAs that have the same name, and a CA keeps its name when it
  /// gets a new key.
  std::vector<std::shared_ptr<stack_st_X509>> anchors_;
};

}  // namespace server::http
