// One of several equal processes is let act, by a Lease (coordination.k8s.io/v1) as client-go's leader election keeps
// it: programs of both kinds can stand for the same one.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "server/kube/api.h"

namespace server::kube {

struct LeaderElectionOptions {
  std::string ns;
  std::string name;
  /// Nobody else's, and new with each start.
  std::string identity;
  /// Others wait this long after the last renewal they saw. With the two times a look may come late it makes a
  /// hand-over within 15 s, which client-go's own 15 s would not.
  std::chrono::seconds lease_duration{12};
  /// Who could not renew for this long does not lead any more. The difference is for writes that are under way.
  std::chrono::seconds renew_deadline{8};
  std::chrono::milliseconds retry_period{2'000};
};

/// Its permissions are "get" and "update" on that one Lease, and "create".
class LeaderElection {
 public:
  /// Both are called from the thread of the election only, and must not throw.
  struct Listener {
    /// Who leads from now on.
    std::function<void(std::string_view holder)> on_leader;
    /// The Lease cannot be read or written at the moment, and why.
    std::function<void(std::string_view cause)> on_failure;
  };

  LeaderElection(std::shared_ptr<Api> api, LeaderElectionOptions options, Listener listener);
  LeaderElection(const LeaderElection&) = delete;
  LeaderElection& operator=(const LeaderElection&) = delete;
  /// Hands over at once if it leads. Takes two seconds at most.
  ~LeaderElection();

  /// Until when nobody else can lead; a time that has passed if somebody else may. Whoever acts asks before each act,
  /// and lets none take longer. Any thread.
  Deadline LeadsUntil() const;

 private:
  /// A Lease as it was found.
  struct Record {
    std::string version;  // Empty: there is none yet.
    std::string holder;
    std::string acquired;
    std::int64_t transitions = 0;
    std::chrono::seconds duration{0};
  };

  void Run(const std::stop_token& stop);
  void Attempt(const std::stop_token& stop);
  void Resign();
  Record Read(Deadline deadline, const std::stop_token& stop);
  /// Whether it was written: not if another was faster.
  bool Write(const Record& record, Deadline deadline, const std::stop_token& stop);
  void Observe(const Record& record);
  void SetLeadsUntil(Deadline until);
  std::chrono::milliseconds UntilNextAttempt() const;

  static Record Parse(const Json& lease);

  // Constant after construction.
  const std::shared_ptr<Api> api_;
  const LeaderElectionOptions options_;
  const Listener listener_;

  // Of the thread.
  Record observed_;
  Deadline observed_at_;
  std::string told_leader_;
  /// A write is under way, or nobody knows what became of it.
  bool writes_ = false;

  mutable std::mutex mutex_;
  Deadline leads_until_;  // Guarded by mutex_.

  std::jthread thread_;  // Last, so that it ends first.
};

}  // namespace server::kube
