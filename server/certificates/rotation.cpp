#include "server/certificates/rotation.h"

#include <algorithm>
#include <utility>

#include "server/http/certificate_authority.h"
#include "server/http/certificate_facts.h"

namespace server::certificates {
namespace {

using Certificates = std::vector<std::string>;

Time IssuedAt(const std::string& certificate) { return http::ValidityOf(certificate).not_before + http::kBackdating; }

bool IsOver(const std::string& certificate, Time now) { return http::ValidityOf(certificate).not_after <= now; }

/// Two thirds of its time are over: what is left is for a kube-apiserver that is away.
bool IsDue(const std::string& certificate, Time now) {
  const Time issued = IssuedAt(certificate);
  return now >= issued + (http::ValidityOf(certificate).not_after - issued) * 2 / 3;
}

bool IsSettled(const std::string& certificate, const RotationPolicy& policy, Time now) {
  return now >= IssuedAt(certificate) + policy.settling();
}

Certificates Current(const std::string& bundle, Time now) {
  Certificates certificates = http::SplitCertificates(bundle);
  std::erase_if(certificates, [&](const std::string& certificate) { return IsOver(certificate, now); });
  return certificates;
}

bool Contains(const Certificates& certificates, const std::string& certificate) {
  return std::ranges::find(certificates, certificate) != certificates.end();
}

void AddMissing(Certificates& certificates, const Certificates& others) {
  for (const std::string& other : others) {
    if (!Contains(certificates, other)) {
      certificates.push_back(other);
    }
  }
}

std::string Join(const Certificates& certificates) {
  std::string bundle;
  for (const std::string& certificate : certificates) {
    bundle += certificate;
  }
  return bundle;
}

}  // namespace

bool IsServable(const SharedCertificate& shared, Time now) {
  return http::KeyFits(shared.certificate, shared.private_key) && !IsOver(shared.certificate, now) &&
         std::ranges::any_of(Current(shared.authorities, now), [&](const std::string& authority) {
           return http::IsIssuedBy(shared.certificate, authority);
         });
}

SharedCertificate Renew(const SharedCertificate& found, const SharedCertificate* in_use, const std::string& ca_bundle,
                        const RotationPolicy& policy, Time now) {
  SharedCertificate renewed = found;
  Certificates authorities = Current(found.authorities, now);
  bool servable = IsServable(found, now);
  if (!servable && in_use != nullptr && IsServable(*in_use, now)) {
    servable = true;
    renewed.certificate = in_use->certificate;
    renewed.private_key = in_use->private_key;
    AddMissing(authorities, Current(in_use->authorities, now));
  }
  if (authorities.empty() || !http::KeyFits(authorities.front(), found.authority_key) ||
      IsDue(authorities.front(), now)) {
    http::CertifiedKey made = http::MakeAuthority(policy.authority_lifetime());
    authorities.insert(authorities.begin(), http::SplitCertificates(made.certificate).front());
    renewed.authority_key = std::move(made.private_key);
  }
  const std::string& signer = authorities.front();
  const bool by_signer = servable && http::IsIssuedBy(renewed.certificate, signer);
  const bool signer_trusted = Contains(http::SplitCertificates(ca_bundle), signer) && IsSettled(signer, policy, now);
  const bool due =
      servable && (IsDue(renewed.certificate, now) || !http::IsForHosts(renewed.certificate, policy.hosts));
  if (!servable || (by_signer ? due : signer_trusted)) {
    http::CertifiedKey issued =
        http::IssueServingCertificate({signer, renewed.authority_key}, policy.hosts, policy.lifetime);
    renewed.certificate = std::move(issued.certificate);
    renewed.private_key = std::move(issued.private_key);
  } else if (by_signer && IsSettled(renewed.certificate, policy, now)) {
    authorities.resize(1);
  }
  renewed.authorities = Join(authorities);
  return renewed;
}

std::string WantedCaBundle(const SharedCertificate& shared, const std::string& ca_bundle, const RotationPolicy& policy,
                           Time now) {
  Certificates wanted = http::SplitCertificates(shared.authorities);
  if (!wanted.empty() && !IsSettled(wanted.front(), policy, now)) {
    AddMissing(wanted, Current(ca_bundle, now));
  }
  return Join(wanted);
}

}  // namespace server::certificates
