// One certificate for all replicas, in a Secret, and kube-apiserver's trust in it, in the APIService.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "server/certificates/rotation.h"
#include "server/kube/api.h"

namespace server::certificates {

struct SecretKey {
  std::string ns;
  std::string name;
};

/// What an operator wants to know.
enum class CertificateEvent : std::uint8_t {
  kNewAuthority,    // We have made one and put it into the Secret.
  kNewCertificate,  // Likewise.
  kInUse,           // What the Secret holds is served from now on.
  kTrustChanged,    // We have written the APIService's caBundle.
};

/// Keeps both in order, one look at a time. Permissions: "get" and "patch" on that one Secret and on that one
/// APIService. Both must exist; the Secret may be empty. It is Opaque, with the keys
///
///   ca.crt   the authorities, the one that signs first    ca.key    the key of that one
///   tls.crt  the serving certificate                      tls.key   its key
///
/// Replicas need no leader. Whatever is written is written on condition that nobody else has written since it was read
/// (resourceVersion); who loses looks again. And the APIService is read before the Secret, so that a replica which was
/// away for a while, and does not know of a new authority, cannot take the trust in it away.
class CertificateKeeper {
 public:
  struct Options {
    SecretKey secret;
    std::string api_service;
    RotationPolicy policy;
    /// Called from the thread that looks; must not throw.
    std::function<void(CertificateEvent)> events;
    std::function<Time()> clock = [] { return std::chrono::system_clock::now(); };
  };

  CertificateKeeper(std::shared_ptr<kube::Api> api, Options options);

  /// Looks once, and does what is to be done. Throws kube::ApiError or std::runtime_error with one sentence if not
  /// everything is in order afterwards; what could be done is done all the same. One thread at a time.
  void Look(const std::stop_token& stop);

  /// What to serve; nothing before the first success. Any thread.
  std::optional<SharedCertificate> Current() const;

 private:
  /// False if somebody else has written meanwhile.
  bool TryLook(const std::stop_token& stop);
  bool ShareRenewed(const SharedCertificate& found, const SharedCertificate& renewed, const std::string& version,
                    const std::stop_token& stop);
  void Use(const SharedCertificate& shared);

  const std::shared_ptr<kube::Api> api_;
  const Options options_;

  mutable std::mutex mutex_;
  std::optional<SharedCertificate> current_;  // Guarded by mutex_; written by the thread that looks only.
};

}  // namespace server::certificates
