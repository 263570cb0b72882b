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
#include "server/kube/api.h"
#include "server/kube/config_map_watch.h"

namespace server::auth {

/// Who asked what, and whether it was let in.
struct AuditRecord {
  const http::Request& request;
  const api::RequestInfo& info;  // Derived of `request`.
  const Identity* identity;      // Null if nobody could tell.
  const std::optional<Denial>& denial;
  std::string_view reason;  // Kube-apiserver's; often empty.
};

/// Called for every request, from the thread that serves it; must not throw.
using AuditSink = std::function<void(const AuditRecord&)>;

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
  AuditSink audit;
  AccessEventSink events;
  WaitingRoomSize waiting;
  SteadyClock clock = [] { return std::chrono::steady_clock::now(); };
};

/// Follows the authentication configuration in a thread of its own. Without one, and whenever kube-apiserver cannot be
/// asked, nobody is let in; a request waits ten seconds at most for each of its two questions.
class DelegatedAccess final : public AccessControl {
 public:
  DelegatedAccess(std::shared_ptr<kube::Api> api, DelegatedAccessOptions options);

  std::optional<Denial> Check(const http::Request& request) const override;

  /// Why nobody can be let in yet, for /readyz.
  std::optional<std::string> NotReady() const { return config_.NotReady(); }

 private:
  struct Decision {
    std::optional<Denial> denial;
    std::string reason;
  };

  std::optional<UserInfo> OwnerOf(std::string_view token) const;
  Decision Decide(const Identity& identity, const api::RequestInfo& info, const http::Request& request) const;
  void OnConfig(const kube::ConfigMapData& data);
  void OnConfigFailure(std::string_view cause);

  // Safe to use from several threads at once.
  const DelegatedAccessOptions options_;
  mutable WaitingRoom room_;
  mutable TokenReviewer tokens_;
  mutable AccessReviewer accesses_;
  AuthenticationConfigHolder config_;

  kube::ConfigMapWatch watch_;  // Last, so that it ends first.
};

}  // namespace server::auth
