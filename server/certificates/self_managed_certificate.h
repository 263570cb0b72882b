// --tls-self-managed: the certificate that all replicas share, kept in order for as long as this process lives.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "server/certificates/certificate_keeper.h"

namespace server::certificates {

/// Looks at once, and then twice a minute, or often enough for a lifetime that is shorter than a day; after a failure
/// sooner, less and less so. What the last look brought stays in use whatever happens to kube-apiserver.
class SelfManagedCertificate {
 public:
  /// `on_failure` is told why a look failed, each time; from the thread of this object; must not throw.
  SelfManagedCertificate(std::shared_ptr<kube::Api> api, CertificateKeeper::Options options,
                         std::function<void(std::string_view cause)> on_failure);
  SelfManagedCertificate(const SelfManagedCertificate&) = delete;
  SelfManagedCertificate& operator=(const SelfManagedCertificate&) = delete;
  ~SelfManagedCertificate() = default;

  /// What to serve; nothing before the first success. Any thread.
  std::optional<SharedCertificate> Current() const { return keeper_.Current(); }

  /// Why not everything is in order; nothing if it is. Any thread.
  std::optional<std::string> Problem() const;

 private:
  void Run(const std::stop_token& stop);
  /// Whether everything is in order.
  bool Look(const std::stop_token& stop);

  CertificateKeeper keeper_;
  const std::chrono::milliseconds interval_;
  const std::function<void(std::string_view cause)> on_failure_;

  mutable std::mutex mutex_;
  std::optional<std::string> problem_ = "kube-apiserver was not asked yet";  // Guarded by mutex_.

  std::jthread thread_;  // Last, so that it ends first.
};

}  // namespace server::certificates
