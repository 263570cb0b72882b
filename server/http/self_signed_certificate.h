// A serving certificate for when none is given: good enough to start with, and honest, since its CA goes into the
// APIService's caBundle and nobody has to skip verification.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace server::http {

/// All PEM. The CA's key is not kept: nothing else can ever be signed with it.
struct SelfSignedCertificate {
  std::string certificate_chain;  // Leaf first.
  std::string private_key;
  std::string ca_certificate;
};

/// A CA and a leaf for `hosts` (DNS names and IP addresses, as subject alternative names), both ECDSA P-256, valid from
/// an hour ago (clocks differ) for `lifetime`. Throws std::invalid_argument for an empty list or a host no certificate
/// can hold, std::runtime_error when OpenSSL fails.
SelfSignedCertificate MakeSelfSignedCertificate(const std::vector<std::string>& hosts, std::chrono::hours lifetime);

}  // namespace server::http
