#include "server/zero/busy_pods.h"

#include <algorithm>

#include "server/kube/api.h"
#include "server/kube/collection_watch.h"
#include "server/zero/target_client.h"

namespace server::zero {
namespace {

// A large target has many pages of pods.
constexpr std::chrono::seconds kListPatience{5};

bool CanGoOnWith(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

}  // namespace

bool IsNamedAfter(std::string_view worker, std::string_view pod) {
  if (const auto at = worker.find('@'); at != std::string_view::npos) {
    worker.remove_prefix(at + 1);
  }
  return worker.starts_with(pod) && (worker.size() == pod.size() || !CanGoOnWith(worker[pod.size()]));
}

std::vector<CostChange> CostChanges(std::span<const Pod> pods, std::span<const std::string> holders, std::size_t most) {
  std::vector<CostChange> busy;
  std::vector<CostChange> idle;
  for (const Pod& pod : pods) {
    const bool holds = std::ranges::any_of(holders, [&](const auto& worker) { return IsNamedAfter(worker, pod.name); });
    if (holds && pod.deletion_cost.empty()) {
      busy.push_back({pod.name, true});
    } else if (!holds && pod.deletion_cost == kBusyCost) {
      idle.push_back({pod.name, false});
    }
  }
  busy.insert(busy.end(), idle.begin(), idle.end());
  busy.resize(std::min(busy.size(), most));
  return busy;
}

std::vector<Pod> PodClient::List(const std::string& ns, const std::string& selector,
                                 const std::stop_token& stop) const {
  std::vector<Pod> pods;
  const kube::Collection collection{.path = "/api/v1/namespaces/" + ns + "/pods",
                                    .selector = "labelSelector=" + kube::Escaped(selector)};
  kube::ListAll(*api_, collection, std::chrono::steady_clock::now() + kListPatience, stop, [&](const kube::Json& pod) {
    const kube::Json metadata = pod["metadata"];
    const std::string phase = pod["status"]["phase"].String();
    if (metadata["deletionTimestamp"].String().empty() && phase != "Succeeded" && phase != "Failed") {
      pods.push_back({metadata["name"].String(), metadata["annotations"][kDeletionCost].String()});
    }
  });
  return pods;
}

void PodClient::Write(const std::string& ns, const CostChange& change, const std::stop_token& stop) const {
  const std::string cost = change.busy ? "\"" + std::string(kBusyCost) + "\"" : "null";
  const kube::ApiResponse response =
      api_->Send({.method = "PATCH",
                  .path = "/api/v1/namespaces/" + ns + "/pods/" + change.pod,
                  .body = R"({"metadata":{"annotations":{")" + std::string(kDeletionCost) + "\":" + cost + "}}}",
                  .content_type = "application/merge-patch+json"},
                 TargetClient::Soon(), stop);
  if (response.status != 200 && response.status != kube::kNotFound) {
    kube::RejectResponse(response);
  }
}

}  // namespace server::zero
