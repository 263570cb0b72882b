// Help with zero as a whole: the election, the watch of the HPAs, and a round every second.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/kube/api.h"
#include "server/kube/collection_watch.h"
#include "server/kube/event_queue.h"
#include "server/kube/leader_election.h"
#include "server/zero/zero_controller.h"

namespace server::zero {

/// What there is to read.
struct ZeroQueues {
  std::vector<std::string> metrics;
  ReadQueues read;
  ReadHolders read_holders;
};

/// Works from construction to destruction, which hands over to another replica at once.
class ZeroService {
 public:
  /// The Lease is called queue-metrics-leader and lies in the namespace `ns`. `observer` must outlive the service.
  ZeroService(const std::shared_ptr<kube::Api>& api, const std::string& ns, ZeroQueues queues, ZeroObserver& observer);

 private:
  ZeroService(const std::shared_ptr<kube::Api>& api, const std::string& ns, const std::string& identity,
              ZeroQueues queues, ZeroObserver& observer);

  // In the order in which they need each other.
  kube::LeaderElection election_;
  kube::EventQueue events_;
  ZeroController controller_;
  kube::CollectionWatch watch_;
  std::jthread rounds_;
};

}  // namespace server::zero
