// Certificates of our own making: an authority, and what it signs for the server.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace server::http {

/// PEM: one certificate, and its key.
struct CertifiedKey {
  std::string certificate;
  std::string private_key;
};

/// Every certificate made here is valid from this long before it is made, since clocks differ.
inline constexpr std::chrono::hours kBackdating{1};

/// A new CA that signs itself, ECDSA P-256, good for signing serving certificates until `lifetime` from now. Throws
/// std::runtime_error when OpenSSL fails.
CertifiedKey MakeAuthority(std::chrono::seconds lifetime);

/// A DNS name or an IP address.
bool IsCertificateHost(const std::string& host);

/// A new serving certificate for `hosts` (DNS names and IP addresses, as subject alternative names), ECDSA P-256, valid
/// until `lifetime` from now, but never longer than `authority`. Throws std::invalid_argument for an empty list or a
/// host no certificate can hold, std::runtime_error when OpenSSL fails or `authority` is none.
CertifiedKey IssueServingCertificate(const CertifiedKey& authority, const std::vector<std::string>& hosts,
                                     std::chrono::seconds lifetime);

}  // namespace server::http
