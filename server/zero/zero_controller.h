// Looks after the HPAs that ask for help with zero: reads their queues once a second, and does what the decision says.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "server/kube/api.h"
#include "server/kube/event_recorder.h"
#include "server/zero/busy_pods.h"
#include "server/zero/decision.h"
#include "server/zero/managed_hpa.h"
#include "server/zero/queue_readings.h"
#include "server/zero/target_client.h"

namespace server::zero {

/// Something was done, or was to be done.
struct Act {
  const ManagedHpa& hpa;
  Action action;
  /// In a sentence, what and why; or why not.
  std::string text;
  bool failed;
};

/// What one round saw.
struct RoundSummary {
  std::size_t managed = 0;
  std::size_t asleep = 0;
  std::size_t in_doubt = 0;
  std::size_t misconfigured = 0;
  std::chrono::nanoseconds reading{0};
};

/// Called from several threads at once; must not throw.
class ZeroObserver {
 public:
  ZeroObserver() = default;
  ZeroObserver(const ZeroObserver&) = delete;
  ZeroObserver& operator=(const ZeroObserver&) = delete;
  virtual ~ZeroObserver() = default;

  virtual void OnAct(const Act& act) = 0;
  virtual void OnRound(const RoundSummary& summary) = 0;
  virtual void OnLeading(bool leading) = 0;
  /// Who leads from now on.
  virtual void OnLeader(std::string_view holder) = 0;
  /// Something beside the acts went wrong: the watch, an event, the Lease.
  virtual void OnTrouble(std::string_view what, std::string_view cause) = 0;
};

struct ZeroControllerOptions {
  std::shared_ptr<kube::Api> api;
  ReadQueues read;
  ReadHolders read_holders;
  /// As kube::LeaderElection has it.
  std::function<kube::Deadline()> leads_until;
  /// Who writes the events.
  std::string identity;
  std::vector<std::string> our_metrics;
  std::function<TimePoint()> clock = [] { return std::chrono::steady_clock::now(); };
};

class ZeroController {
 public:
  /// `observer` must outlive the controller.
  ZeroController(ZeroControllerOptions options, ZeroObserver& observer);

  /// What is known of the HPAs, as a kube::CollectionWatch tells it. One thread.
  void OnList();
  void OnHpa(const kube::Json& hpa, bool gone);
  void OnListed();
  void OnWatchFailure(std::string_view cause);

  /// One look at everything, and what follows from it; nothing unless this process leads. One thread. Does not throw.
  void Round(const std::stop_token& stop);

 private:
  /// An HPA, and what was seen of it.
  struct Tracked {
    ManagedHpa hpa;
    /// The size of its target, as far as it is known.
    std::optional<std::int32_t> replicas;
    Memory memory;
    bool needy = false;
    std::optional<Demand> demand;
    int failures = 0;
    TimePoint not_before;
    std::vector<std::string> told_problems;
    /// What is to be told at the end of the round.
    std::vector<kube::EventText> events;
    /// What was known of the target's pods at `pods_read`, if idle ones are to go first.
    std::vector<Pod> pods;
    std::optional<TimePoint> pods_read;
  };

  void Refresh();
  void ReadAll();
  std::optional<Demand> ReadOne(const ManagedHpa& hpa);
  /// What it says now. Nothing to be done in most cases.
  Decision Look(Tracked& tracked);
  void Handle(Tracked& tracked, const std::stop_token& stop);
  void Do(Tracked& tracked, const Decision& decision, const std::stop_token& stop);
  bool Rescale(Tracked& tracked, Action action, const std::stop_token& stop);
  void Own(Tracked& tracked, const Decision& decision, const std::stop_token& stop);
  /// Whether pods are about to go: the HPA wants fewer, or there are more than it has left.
  static bool Shrinks(const Tracked& tracked);
  /// Whether pods are about to go, or marks of the last time are left.
  static bool MustSpareBusy(const Tracked& tracked);
  void SpareBusy(Tracked& tracked, const std::stop_token& stop);
  std::vector<std::string> ReadBusy(const ManagedHpa& hpa) const;
  void TellDone(Tracked& tracked, Action action, const std::string& text);
  void Tell(Tracked& tracked, const Act& act, const std::string& reason);
  void TellProblems(Tracked& tracked);
  void WriteEvents(Tracked& tracked, const std::stop_token& stop);
  /// Whether a write that begins now ends while this process leads.
  bool MayWrite() const;

  // Constant after construction.
  const ZeroControllerOptions options_;
  ZeroObserver& observer_;
  TargetClient targets_;
  PodClient pods_;
  kube::EventRecorder events_;

  // Of the thread of the watch: a list that is not complete yet.
  std::optional<std::map<std::string, ManagedHpa>> listing_;

  std::mutex mutex_;
  // Guarded by mutex_: as the watch knows it.
  std::map<std::string, ManagedHpa> hpas_;  // By namespace and name.
  bool watch_in_doubt_ = true;

  // Of the thread of the rounds, and of those it starts, one for each HPA.
  std::map<std::string, Tracked> tracked_;
  bool no_doubt_about_hpas_ = false;
};

}  // namespace server::zero
