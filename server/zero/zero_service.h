// Help with zero as a whole: the election, the watch of the HPAs, and a round every second.
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "metrics/metric_provider.h"
#include "server/kube/api.h"
#include "server/kube/collection_watch.h"
#include "server/kube/leader_election.h"
#include "server/zero/zero_controller.h"

namespace server::zero {

/// Works from construction to destruction, which hands over to another replica at once.
class ZeroService {
 public:
  /// The Lease is called queue-metrics-leader and lies in the namespace `ns`. `provider` and `observer` must outlive
  /// the service.
  ZeroService(const std::shared_ptr<kube::Api>& api, const std::string& ns, metrics::MetricProvider& provider,
              ZeroObserver& observer);

 private:
  ZeroService(const std::shared_ptr<kube::Api>& api, const std::string& ns, const std::string& identity,
              metrics::MetricProvider& provider, ZeroObserver& observer);

  // In the order in which they need each other.
  kube::LeaderElection election_;
  ZeroController controller_;
  kube::CollectionWatch watch_;
  std::jthread rounds_;
};

}  // namespace server::zero
