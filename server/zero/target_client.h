// What is read and written of an HPA here: the scale of its target, whether it is still as it was, and its condition
// ScaledToZero.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "server/kube/api.h"
#include "server/zero/managed_hpa.h"

namespace server::zero {

/// A scale as it was found.
struct Scale {
  std::int32_t replicas = 0;
  std::string resource_version;
  /// Of the pods, as a label selector.
  std::string pod_selector;
};

/// Every write names the version it is based on, and tells kube-apiserver to give up when we do: a write that comes
/// late, or after somebody else's, changes nothing. All functions throw kube::ApiError. Safe to call from several
/// threads at once.
class TargetClient {
 public:
  explicit TargetClient(std::shared_ptr<kube::Api> api);

  /// How long a call may take. A cluster that is slower than this is one to be careful with.
  static constexpr std::chrono::seconds kPatience{1};
  /// How long a call may take that wakes a target: there may be webhooks on its way, and nothing is lost by it.
  static constexpr std::chrono::seconds kWakePatience{5};
  /// When a call that begins now is late.
  static kube::Deadline Soon() { return std::chrono::steady_clock::now() + kPatience; }

  Scale ReadScale(const ManagedHpa& hpa, const std::stop_token& stop);

  /// Whether it was written: not if the target has changed since `found`.
  bool WriteScale(const ManagedHpa& hpa, const Scale& found, std::int32_t replicas, kube::Deadline deadline,
                  const std::stop_token& stop);

  /// Whether the HPA has neither changed nor gone since.
  bool IsUnchanged(const ManagedHpa& hpa, const std::stop_token& stop);

  /// Whether it was written: not if the HPA has changed since.
  bool WriteOwnership(const ManagedHpa& hpa, bool owns_zero, const std::stop_token& stop);

 private:
  /// What the URL calls a kind.
  struct Resource {
    std::string root;  // "/apis/apps/v1"
    std::string name;  // "deployments"
  };

  std::string ScalePath(const ManagedHpa& hpa, const std::stop_token& stop);

  const std::shared_ptr<kube::Api> api_;
  std::mutex mutex_;
  /// By apiVersion and kind. Guarded by mutex_.
  std::map<std::pair<std::string, std::string>, Resource> resources_;
};

}  // namespace server::zero
