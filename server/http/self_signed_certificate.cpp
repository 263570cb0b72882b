#include "server/http/self_signed_certificate.h"

#include "server/http/certificate_authority.h"

namespace server::http {

SelfSignedCertificate MakeSelfSignedCertificate(const std::vector<std::string>& hosts, std::chrono::hours lifetime) {
  CertifiedKey authority = MakeAuthority(lifetime);
  CertifiedKey leaf = IssueServingCertificate(authority, hosts, lifetime);
  return {leaf.certificate + authority.certificate, std::move(leaf.private_key), std::move(authority.certificate)};
}

}  // namespace server::http
