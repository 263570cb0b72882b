// Looks after the HPAs that ask for help with zero: reads their queues once a second, and does what the decision says.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
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
#include "server/zero/task_runner.h"

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
  /// Writes an event some time. Called from several threads at once; must neither block nor throw.
  std::function<void(kube::ObjectReference about, kube::EventText text)> add_event;
  std::vector<std::string> our_metrics;
  /// A round waits no longer than this for what it does: the next one may have more urgent things to do.
  std::chrono::milliseconds round{1000};
  std::function<TimePoint()> clock = [] { return std::chrono::steady_clock::now(); };
};

/// Its end waits for what is under way, which the token of the last Round() cuts short.
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
  /// What failed is tried again after a second, then less and less often.
  struct BackOff {
    int failures = 0;
    TimePoint until;

    void Fail(TimePoint now);
    bool IsOver(TimePoint now) const { return now >= until; }
  };

  /// An HPA, and what was seen of it. Of the thread of the rounds, or of a task that has claimed it.
  struct Tracked {
    explicit Tracked(std::string its_uid) : uid(std::move(its_uid)) {}

    const std::string uid;  // Any thread.
    ManagedHpa hpa;
    /// The size of its target, as far as it is known.
    std::optional<std::int32_t> replicas;
    Memory memory;
    bool needy = false;
    Demand demand;
    BackOff acting;
    BackOff marking;
    /// How often its marks were tried to be removed since nobody asks for them any more.
    int removals = 0;
    std::vector<std::string> told_problems;
    /// What was known of the target's pods at `pods_read`, if idle ones are to go first.
    std::vector<Pod> pods;
    std::optional<TimePoint> pods_read;
    /// When they were last looked after.
    TimePoint spared;

    // Of the thread of the rounds only.
    bool asleep = false;
    bool in_doubt = false;
    bool misconfigured = false;

    std::atomic<bool> claimed = false;
  };
  using Task = std::function<void()>;

  /// Takes what the watch has told. Returns those that no task of an earlier round is busy with.
  std::vector<std::shared_ptr<Tracked>> Refresh();
  /// Forgets what is not known to have left marks behind, or is about to be looked after by another HPA.
  void ForgetReleased();
  void ReadAll(std::span<const std::shared_ptr<Tracked>> all);
  /// What is to be done, the urgent before what can wait.
  std::vector<Task> TasksFor(std::span<const std::shared_ptr<Tracked>> all, kube::Deadline until,
                             const std::stop_token& stop);
  RoundSummary Summarize() const;
  Demand ReadOne(const ManagedHpa& hpa);
  /// What it says now. Nothing to be done in most cases.
  Decision Look(Tracked& tracked);
  void Handle(Tracked& tracked, const std::stop_token& stop);
  /// `found` is what was just read, if it was.
  void Do(Tracked& tracked, const Decision& decision, std::optional<Scale> found, const std::stop_token& stop);
  bool Rescale(Tracked& tracked, Action action, std::optional<Scale> found, const std::stop_token& stop);
  void Own(Tracked& tracked, const Decision& decision, const std::stop_token& stop);
  /// Whether pods are about to go: the HPA wants fewer, or there are more than it has left.
  static bool Shrinks(const Tracked& tracked);
  /// Whether pods are about to go, or marks of the last time are left, or may be: those of another leader.
  static bool MustSpareBusy(const Tracked& tracked);
  static bool HasMarks(const Tracked& tracked);
  void SpareBusy(Tracked& tracked, kube::Deadline until, const std::stop_token& stop);
  void RemoveMarks(Tracked& tracked, kube::Deadline until, const std::stop_token& stop);
  /// Marks the pods of `workers` and no others, as far as that can be done by `until`.
  void Mark(Tracked& tracked, std::span<const std::string> workers, kube::Deadline until, const std::stop_token& stop);
  void MarkingFailed(Tracked& tracked, const std::string& text);
  std::vector<std::string> ReadBusy(const ManagedHpa& hpa) const;
  void TellDone(const Tracked& tracked, Action action, const std::string& text);
  void Tell(const Act& act, const std::string& reason);
  void TellProblems(Tracked& tracked);
  /// For how long a write that begins now may take, so that it ends while this process leads; 0: there must be none.
  std::chrono::seconds TimeToWrite(std::chrono::seconds wanted) const;
  bool MayWrite() const { return TimeToWrite(TargetClient::kPatience) > std::chrono::seconds(0); }

  // Constant after construction.
  const ZeroControllerOptions options_;
  ZeroObserver& observer_;
  TargetClient targets_;
  PodClient pods_;

  // Of the thread of the watch: a list that is not complete yet.
  std::optional<std::map<std::string, ManagedHpa>> listing_;

  std::mutex mutex_;
  // Guarded by mutex_: as the watch knows it.
  std::map<std::string, ManagedHpa> hpas_;  // By namespace and name.

  std::atomic<bool> watch_in_doubt_ = true;

  // Of the thread of the rounds.
  std::map<std::string, std::shared_ptr<Tracked>> tracked_;
  /// Those that do not ask for spare-busy any more, at least not for this target, until their marks are gone.
  std::vector<std::shared_ptr<Tracked>> released_;

  TaskRunner runner_;  // Last, so that it ends first.
};

}  // namespace server::zero
