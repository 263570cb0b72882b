// --auth=delegated: who may ask what is kube-apiserver's to say, as for every aggregated API server.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/api/request_info.h"
#include "server/auth/access_control.h"
#include "server/auth/access_reviewer.h"
#include "server/auth/authentication_config.h"
#include "server/auth/identity.h"
#include "server/auth/token_reviewer.h"
#include "server/auth/waiting_room.h"
#include "server/http/worker_pool.h"
#include "server/kube/api.h"
#include "server/kube/config_map_watch.h"

namespace server::auth {

/// What an operator wants to know.
struct AccessEvent {
  enum class Kind : std::uint8_t {
    kConfigured,         // There is a new authentication configuration.
    kConfigUnusable,     // A part of it is broken; the last good one stays.
    kConfigUnreachable,  // It cannot be read; the last good one stays.
    kReviewFailed,       // A request was refused because kube-apiserver could not be asked.
  };
  Kind kind;
  std::string_view cause;  // Empty for kConfigured.
};

/// Called from any thread; must not throw.
using AccessEventSink = std::function<void(const AccessEvent&)>;

struct DelegatedAccessOptions {
  AccessEventSink events;
  WaitingRoomSize waiting;
  SteadyClock clock = [] { return std::chrono::steady_clock::now(); };
};

/// Follows the authentication configuration in a thread of its own. Without one, and whenever kube-apiserver cannot be
/// asked, nobody is let in; a request waits ten seconds at most for each of its two questions, in a thread of a pool.
/// What needs no asking, because it is known or open to everybody, is decided at once.
class DelegatedAccess final : public AccessControl {
 public:
  DelegatedAccess(std::shared_ptr<kube::Api> api, DelegatedAccessOptions options);

  void Check(const http::Request& request, VerdictCallback decided) const override;

  /// Why nobody can be let in yet, for /readyz.
  std::optional<std::string> NotReady() const { return config_.NotReady(); }

 private:
  enum class Asking : std::uint8_t { kNever, kIfNeeded };

  /// Nothing if somebody must be asked and that is not allowed.
  std::optional<Verdict> Decide(const http::Request& request, Asking asking) const;
  std::optional<TokenVerdict> OwnerOf(std::string_view token, Asking asking) const;
  std::optional<AccessVerdict> MayAccess(const Identity& identity, const api::RequestInfo& info,
                                         const http::Request& request, Asking asking) const;

  void OnConfig(const kube::ConfigMapData& data);
  void OnConfigFailure(std::string_view cause);

  // Safe to use from several threads at once.
  const DelegatedAccessOptions options_;
  mutable WaitingRoom room_;
  mutable TokenReviewer tokens_;
  mutable AccessReviewer accesses_;
  AuthenticationConfigHolder config_;

  // Last, so that they end first.
  kube::ConfigMapWatch watch_;
  mutable http::WorkerPool workers_;
};

}  // namespace server::auth
