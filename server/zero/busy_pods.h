// Pods that hold a job go last when a target is scaled down: by their deletion cost, which the ReplicaSet controller
// heeds among pods that are equally ready.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/kube/api.h"

namespace server::zero {

inline constexpr std::string_view kDeletionCost = "controller.kubernetes.io/pod-deletion-cost";
/// What we write for busy pods, a number that nobody else thinks of: others' costs are left as they are.
inline constexpr std::string_view kBusyCost = "1000001";

struct Pod {
  std::string name;
  std::string deletion_cost;  // Empty: none.
};

struct CostChange {
  std::string pod;
  bool busy;
};

/// Whether a worker calls itself after a pod: its name begins with the pod's, or has it after an '@', as Celery's do,
/// and goes on with none of the characters that a name could go on with but '-' and '.'.
bool IsNamedAfter(std::string_view worker, std::string_view pod);

/// What to write so that the pods of `holders` go last: first the pods that have become busy, then those that are idle
/// again; `most` of them at most.
std::vector<CostChange> CostChanges(std::span<const Pod> pods, std::span<const std::string> holders, std::size_t most);

/// All functions throw kube::ApiError. Safe to call from several threads at once.
class PodClient {
 public:
  explicit PodClient(std::shared_ptr<kube::Api> api) : api_(std::move(api)) {}

  /// Those that a scale counts: neither finished nor on their way out.
  std::vector<Pod> List(const std::string& ns, const std::string& selector, const std::stop_token& stop) const;
  /// Does nothing to a pod that is gone.
  void Write(const std::string& ns, const CostChange& change, const std::stop_token& stop) const;

 private:
  const std::shared_ptr<kube::Api> api_;
};

}  // namespace server::zero
