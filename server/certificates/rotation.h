// When the certificate that all replicas share is renewed, and in which order, so that at no moment a replica serves
// what kube-apiserver does not trust yet, or no longer. Values in, values out.
#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

namespace server::certificates {

/// What the replicas share; all PEM. Anything may be empty or broken, since people can write to it.
struct SharedCertificate {
  std::string authorities;    // Who signs now, then who signed before and is still to be trusted.
  std::string authority_key;  // Of the first of them.
  std::string certificate;    // What is served.
  std::string private_key;

  bool operator==(const SharedCertificate&) const = default;
};

/// How long things last. All of it follows from how long a serving certificate does:
///
///   serving certificate  `lifetime`, renewed after two thirds of it
///   authority            twelve times as long, renewed after two thirds of it
///   settling             a twelfth of it, one hour at most: how long something new is known everywhere before anybody
///                        relies on it, and something old is trusted after the last use of it
struct RotationPolicy {
  std::vector<std::string> hosts;
  std::chrono::seconds lifetime;

  std::chrono::seconds authority_lifetime() const { return 12 * lifetime; }
  std::chrono::seconds settling() const {
    return std::min(std::chrono::duration_cast<std::chrono::seconds>(std::chrono::hours(1)), lifetime / 12);
  }
};

using Time = std::chrono::system_clock::time_point;

/// It can be served: not over, the key fits, one of the authorities has signed it.
bool IsServable(const SharedCertificate& shared, Time now);

/// What is to be shared instead of `found`, given that kube-apiserver trusts `ca_bundle` (PEM); `found` itself if it is
/// right as it is. Never more than one step of a rotation at once:
///
///   1. a new authority joins the old one, which goes on being trusted; its key takes the place of the old key
///   2. once kube-apiserver trusts it, and has for a while, it signs the next serving certificate
///   3. once that has been in use for a while, the old authority goes
///
/// Only what cannot be served at all is replaced at once. Who empties the Secret therefore gets a new authority and a
/// new key by these same steps, as long as any replica still serves (`in_use`; null if this one does not).
SharedCertificate Renew(const SharedCertificate& found, const SharedCertificate* in_use, const std::string& ca_bundle,
                        const RotationPolicy& policy, Time now);

/// What kube-apiserver is to trust, given that it trusts `ca_bundle` now: the authorities of `shared`. While the first
/// of them is new, also whoever was trusted before, so that the replicas of a rolling update that still serve another
/// certificate are.
std::string WantedCaBundle(const SharedCertificate& shared, const std::string& ca_bundle, const RotationPolicy& policy,
                           Time now);

}  // namespace server::certificates
