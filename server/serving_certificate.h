// The certificate this server shows: from files, from the Secret that all replicas share, or made at start.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/api/health.h"
#include "server/certificates/self_managed_certificate.h"
#include "server/http/https_server.h"
#include "server/http/tls_reloader.h"
#include "server/kube/api.h"
#include "server/options.h"
#include "server/telemetry.h"

namespace server {

/// Tells log and telemetry what happens to it.
class ServingCertificate {
 public:
  /// `api` and `own_namespace` are for --tls-self-managed alone. `options` and `telemetry` must outlive this. Throws
  /// std::exception if there is nothing to start with.
  ServingCertificate(const ServeOptions& options, std::shared_ptr<kube::Api> api, const std::string& own_namespace,
                     Telemetry& telemetry);

  /// What to start with. As long as a shared certificate is still to come, it is one that nobody trusts, so that the
  /// kubelet gets its answers: /readyz fails, /livez does not.
  const std::shared_ptr<const http::TlsContext>& initial() const { return initial_; }

  /// From now on, whatever is renewed is given to `server`, until Unfollow().
  void Follow(http::HttpsServer& server);
  void Unfollow() { reloader_.reset(); }

  /// May be asked between Follow() and Unfollow() only.
  std::vector<api::HealthCheck> Readyz() const;

 private:
  http::TlsMaterial Load() const;
  void OnUse(const http::TlsContext& context);
  std::optional<std::string> Problem() const;
  std::optional<std::string> NotReady() const;

  const ServeOptions& options_;
  Telemetry& telemetry_;
  const http::TlsMaterial first_;
  const std::shared_ptr<const http::TlsContext> initial_;
  std::atomic<std::chrono::system_clock::time_point> not_after_;  // Of the certificate in use.
  std::optional<certificates::SelfManagedCertificate> self_managed_;
  std::optional<http::TlsReloader> reloader_;
};

}  // namespace server
