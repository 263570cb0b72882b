#include "server/zero/zero_controller.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace server::zero {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// The rest of a round's second is for what follows from the reading.
constexpr milliseconds kReadTime{800};
constexpr milliseconds kLeastTime{200};
// As many connections as the client keeps; more are only made where tasks hang.
constexpr std::size_t kHands = 5;
constexpr int kAttempts = 3;
// For how long a list of pods is good, and how many of them are written in a round.
constexpr seconds kPodsAge{5};
constexpr std::size_t kMostCosts = 10;
// How often marks are tried to be removed that nobody asks for any more.
constexpr int kMostTries = 10;

std::string KeyOf(const kube::Json& hpa) {
  return hpa["metadata"]["namespace"].String() + "/" + hpa["metadata"]["name"].String();
}

/// Whether idle pods are to go first. Not while nothing may be done: marks would stay on pods that are busy no more.
bool SparesBusy(const ManagedHpa& hpa) {
  return hpa.settings.spare_busy && hpa.problems.empty() && !hpa.settings.paused && hpa.settings.paused_at != 0;
}

bool WorthReading(const ManagedHpa& hpa) {
  return hpa.problems.empty() && !hpa.settings.paused && (!hpa.settings.paused_at || SparesBusy(hpa));
}

/// Whether `hpa` looks after the marks on the pods that those of `other` are on.
bool SparesPodsOf(const ManagedHpa& hpa, const ManagedHpa& other) {
  return SparesBusy(hpa) && hpa.ns == other.ns && hpa.target == other.target;
}

/// What the events about an act are called.
struct Reasons {
  std::string_view done;
  std::string_view failed;
};

Reasons ReasonsOf(Action action) {
  switch (action) {
    case Action::kWake:
      return {"Woken", "FailedToWake"};
    case Action::kSleep:
      return {"PutToSleep", "FailedToSleep"};
    case Action::kPause:
      return {"Paused", "FailedToPause"};
    case Action::kMend:
      return {"ZeroHandedOver", "FailedToHandOverZero"};
    case Action::kDisown:
      return {"ZeroTakenOver", "FailedToTakeOverZero"};
    case Action::kSpareBusy:
      return {"", "FailedToSpareBusy"};
    case Action::kNothing:
      break;
  }
  return {"", "FailedToLook"};
}

kube::ObjectReference ReferenceTo(const ManagedHpa& hpa) {
  return {"autoscaling/v2", "HorizontalPodAutoscaler", hpa.ns, hpa.name, hpa.uid};
}

/// Nobody else works on `tracked` until what is returned goes.
template <typename Tracked>
std::shared_ptr<Tracked> Claim(const std::shared_ptr<Tracked>& tracked) {
  tracked->claimed = true;
  return {tracked.get(), [tracked](Tracked* claimed) { claimed->claimed = false; }};
}

}  // namespace

void ZeroController::BackOff::Fail(TimePoint now) {
  constexpr int kLongest = 10;
  until = now + seconds(std::min(1 << std::min(failures++, 4), kLongest));
}

ZeroController::ZeroController(ZeroControllerOptions options, ZeroObserver& observer)
    : options_(std::move(options)), observer_(observer), targets_(options_.api), pods_(options_.api), runner_(kHands) {}

void ZeroController::OnList() {
  watch_in_doubt_ = true;
  listing_.emplace();
}

void ZeroController::OnHpa(const kube::Json& hpa, bool gone) {
  auto parsed = gone ? std::nullopt : ParseManagedHpa(hpa, options_.our_metrics);
  std::unique_lock lock(mutex_, std::defer_lock);
  if (!listing_) {
    lock.lock();
  }
  auto& hpas = listing_ ? *listing_ : hpas_;
  if (parsed) {
    hpas.insert_or_assign(KeyOf(hpa), *std::move(parsed));
  } else {
    hpas.erase(KeyOf(hpa));
  }
}

void ZeroController::OnListed() {
  const std::lock_guard lock(mutex_);
  hpas_ = *std::exchange(listing_, std::nullopt);
  watch_in_doubt_ = false;
}

void ZeroController::OnWatchFailure(std::string_view cause) {
  watch_in_doubt_ = true;
  observer_.OnTrouble("cannot list or watch the HPAs", cause);
}

void ZeroController::Round(const std::stop_token& stop) {
  const bool leads = MayWrite();
  observer_.OnLeading(leads);
  if (!leads) {
    tracked_.clear();  // Whoever leads next has seen nothing of what another one did.
    released_.clear();
    observer_.OnRound({});
    return;
  }
  const auto begin = steady_clock::now();
  const auto all = Refresh();
  const auto reading_began = steady_clock::now();
  ReadAll(all);
  const auto reading = steady_clock::now() - reading_began;
  const kube::Deadline until = std::max(begin + options_.round, steady_clock::now() + kLeastTime);
  runner_.Run(TasksFor(all, until, stop), until);
  RoundSummary summary = Summarize();
  summary.reading = reading;
  observer_.OnRound(summary);
}

std::vector<std::shared_ptr<ZeroController::Tracked>> ZeroController::Refresh() {
  std::vector<std::shared_ptr<Tracked>> unclaimed;
  const std::lock_guard lock(mutex_);
  std::erase_if(tracked_, [this](const auto& entry) {
    const auto found = hpas_.find(entry.first);
    if (found != hpas_.end() && found->second.uid == entry.second->uid) {
      return false;
    }
    if (SparesBusy(entry.second->hpa)) {
      released_.push_back(entry.second);
    }
    return true;
  });
  for (const auto& [key, hpa] : hpas_) {
    std::shared_ptr<Tracked>& tracked = tracked_[key];
    if (tracked && tracked->claimed) {
      continue;
    }
    if (tracked && SparesBusy(tracked->hpa) && !SparesPodsOf(hpa, tracked->hpa)) {
      released_.push_back(std::exchange(tracked, nullptr));
    }
    if (!tracked) {
      tracked = std::make_shared<Tracked>(hpa.uid);
    }
    if (tracked->hpa.resource_version != hpa.resource_version) {
      tracked->hpa = hpa;
      tracked->replicas = hpa.replicas;
    }
    unclaimed.push_back(tracked);
  }
  return unclaimed;
}

void ZeroController::ForgetReleased() {
  std::erase_if(released_, [this](const auto& released) {
    return !released->claimed && (!HasMarks(*released) || released->removals >= kMostTries ||
                                  std::ranges::any_of(tracked_, [&](const auto& entry) {
                                    return SparesPodsOf(entry.second->hpa, released->hpa);
                                  }));
  });
}

void ZeroController::ReadAll(std::span<const std::shared_ptr<Tracked>> all) {
  std::vector<QueueQuery> queries;
  std::vector<std::pair<Tracked*, std::size_t>> owners;
  for (const auto& tracked : all) {
    tracked->demand = {};
    if (WorthReading(tracked->hpa)) {
      auto own = QueriesOf(tracked->hpa);
      owners.emplace_back(tracked.get(), own.size());
      std::move(own.begin(), own.end(), std::back_inserter(queries));
    }
  }
  if (queries.empty()) {
    return;
  }
  const auto readings = options_.read(queries, steady_clock::now() + kReadTime);
  std::size_t next = 0;
  for (const auto& [tracked, count] : owners) {
    tracked->demand = DemandFrom(tracked->hpa, std::span(readings).subspan(next, count));
    next += count;
  }
}

std::vector<ZeroController::Task> ZeroController::TasksFor(std::span<const std::shared_ptr<Tracked>> all,
                                                           kube::Deadline until, const std::stop_token& stop) {
  std::vector<std::shared_ptr<Tracked>> to_handle;
  std::vector<std::shared_ptr<Tracked>> to_spare;
  for (const auto& tracked : all) {
    const bool needy = NeedsWorkers(tracked->hpa, tracked->demand);
    if (needy && !tracked->needy) {
      tracked->replicas.reset();  // What begins to matter is looked at.
      tracked->acting = {};       // What failed before has nothing to do with it.
    }
    tracked->needy = needy;
    const Decision decision = Look(*tracked);
    TellProblems(*tracked);
    if (!tracked->hpa.problems.empty()) {
      continue;
    }
    const TimePoint now = options_.clock();
    if (decision.action != Action::kNothing || !tracked->replicas) {
      if (tracked->acting.IsOver(now)) {
        to_handle.push_back(tracked);
      }
    } else if (MustSpareBusy(*tracked) && tracked->marking.IsOver(now)) {
      to_spare.push_back(tracked);
    }
  }
  // Others need not wait for what failed before, jobs not for what can wait, nor pods always for the same ones'.
  std::ranges::stable_sort(to_handle, {}, [](const auto& tracked) {
    const bool may_be_asleep = tracked->needy && tracked->replicas.value_or(0) == 0;
    return std::pair(tracked->acting.failures > 0, !may_be_asleep);
  });
  std::stable_sort(to_spare.begin(), to_spare.end(),
                   [](const auto& a, const auto& b) { return a->spared < b->spared; });
  std::vector<Task> tasks;
  for (const auto& tracked : to_handle) {
    tasks.emplace_back([this, tracked = Claim(tracked), stop] { Handle(*tracked, stop); });
  }
  for (const auto& tracked : to_spare) {
    tasks.emplace_back([this, tracked = Claim(tracked), until, stop] { SpareBusy(*tracked, until, stop); });
  }
  ForgetReleased();
  for (const auto& released : released_) {
    if (!released->claimed && released->marking.IsOver(options_.clock())) {
      tasks.emplace_back([this, released = Claim(released), until, stop] { RemoveMarks(*released, until, stop); });
    }
  }
  return tasks;
}

RoundSummary ZeroController::Summarize() const {
  RoundSummary summary{.managed = tracked_.size()};
  for (const auto& [key, tracked] : tracked_) {
    if (!tracked->claimed) {
      tracked->asleep = tracked->replicas == 0;
      tracked->in_doubt = WorthReading(tracked->hpa) && !tracked->demand.IsComplete();
      tracked->misconfigured = !tracked->hpa.problems.empty();
    }
    summary.asleep += tracked->asleep ? 1 : 0;
    summary.in_doubt += tracked->in_doubt ? 1 : 0;
    summary.misconfigured += tracked->misconfigured ? 1 : 0;
  }
  return summary;
}

Demand ZeroController::ReadOne(const ManagedHpa& hpa) {
  return DemandFrom(hpa, options_.read(QueriesOf(hpa), steady_clock::now() + kReadTime));
}

Decision ZeroController::Look(Tracked& tracked) {
  const Observation seen{options_.clock(), tracked.demand, tracked.replicas, watch_in_doubt_};
  tracked.memory = Remember(tracked.memory, seen);
  return Decide(tracked.hpa, seen, tracked.memory);
}

void ZeroController::Handle(Tracked& tracked, const std::stop_token& stop) {
  Decision decision;
  try {
    std::optional<Scale> found;
    if (!tracked.replicas) {
      found = targets_.ReadScale(tracked.hpa, stop);
      tracked.replicas = found->replicas;
    }
    decision = Look(tracked);
    Do(tracked, decision, std::move(found), stop);
    tracked.acting.failures = 0;
  } catch (const std::exception& error) {
    if (stop.stop_requested()) {
      return;
    }
    tracked.acting.Fail(options_.clock());
    tracked.replicas.reset();
    Tell({.hpa = tracked.hpa, .action = decision.action, .text = error.what(), .failed = true},
         std::string(ReasonsOf(decision.action).failed));
  }
}

void ZeroController::Do(Tracked& tracked, const Decision& decision, std::optional<Scale> found,
                        const std::stop_token& stop) {
  switch (decision.action) {
    case Action::kWake:
    case Action::kSleep:
    case Action::kPause:
      for (int attempt = 0; attempt < kAttempts; ++attempt) {
        if (Rescale(tracked, decision.action, std::exchange(found, std::nullopt), stop)) {
          return;
        }
      }
      return;
    case Action::kMend:
    case Action::kDisown:
      Own(tracked, decision, stop);
      return;
    case Action::kSpareBusy:
    case Action::kNothing:
      return;
  }
}

/// Whether that is all: not if somebody else was faster.
bool ZeroController::Rescale(Tracked& tracked, Action action, std::optional<Scale> found, const std::stop_token& stop) {
  const auto begin = steady_clock::now();
  if (!found) {
    found = targets_.ReadScale(tracked.hpa, stop);
    tracked.replicas = found->replicas;
  }
  if (action != Action::kWake && !targets_.IsUnchanged(tracked.hpa, stop)) {
    return true;  // The watch will say how, unless it has died without a word.
  }
  if (action == Action::kSleep) {
    // As late as can be: between this reading and the write, a job can still come.
    tracked.demand = ReadOne(tracked.hpa);
  }
  const Decision decision = Look(tracked);
  const seconds patience = TimeToWrite(decision.replicas > 0 ? TargetClient::kWakePatience : TargetClient::kPatience);
  if (decision.action != action || patience == seconds(0)) {
    return true;
  }
  kube::Deadline deadline = steady_clock::now() + patience;
  if (action == Action::kSleep) {  // What was read is too old before long.
    deadline = std::min(deadline, begin + TargetClient::kPatience);
  }
  if (deadline <= steady_clock::now()) {
    return true;
  }
  if (!targets_.WriteScale(tracked.hpa, *found, decision.replicas, deadline, stop)) {
    return false;
  }
  tracked.replicas = decision.replicas;
  TellDone(tracked, action,
           "Scaled " + tracked.hpa.target.kind + "/" + tracked.hpa.target.name + " from " +
               std::to_string(found->replicas) + " to " + std::to_string(decision.replicas) + ": " + decision.reason);
  return true;
}

void ZeroController::Own(Tracked& tracked, const Decision& decision, const std::stop_token& stop) {
  const bool owns_zero = decision.action == Action::kMend;
  if (owns_zero) {
    tracked.replicas = targets_.ReadScale(tracked.hpa, stop).replicas;
    if (Look(tracked).action != Action::kMend) {
      return;
    }
  }
  if (!MayWrite() || !targets_.WriteOwnership(tracked.hpa, owns_zero, stop)) {
    return;  // The HPA has changed, and the watch will say how.
  }
  tracked.hpa.owns_zero = owns_zero;
  tracked.memory.mended = owns_zero;
  TellDone(tracked, decision.action,
           std::string("Set the condition ScaledToZero to ") + (owns_zero ? "True: " : "False: ") + decision.reason);
}

bool ZeroController::Shrinks(const Tracked& tracked) {
  const auto there = std::max(static_cast<std::int32_t>(tracked.pods.size()), *tracked.replicas);
  return SizeFor(tracked.hpa, tracked.demand, there) < there;
}

bool ZeroController::MustSpareBusy(const Tracked& tracked) {
  if (!SparesBusy(tracked.hpa) || !tracked.demand.IsComplete() || !tracked.replicas) {
    return false;
  }
  return !tracked.pods_read || Shrinks(tracked) || HasMarks(tracked);
}

bool ZeroController::HasMarks(const Tracked& tracked) {
  return std::ranges::any_of(tracked.pods, [](const Pod& pod) { return pod.deletion_cost == kBusyCost; });
}

void ZeroController::SpareBusy(Tracked& tracked, kube::Deadline until, const std::stop_token& stop) try {
  const TimePoint now = options_.clock();
  tracked.spared = now;
  // Marks must not go before the pods that they kept from going could.
  if (!tracked.pods_read || now - *tracked.pods_read > kPodsAge || !Shrinks(tracked)) {
    const Scale found = targets_.ReadScale(tracked.hpa, stop);
    if (found.pod_selector.empty()) {
      throw std::runtime_error("the scale of its target does not say which pods are its own");
    }
    tracked.pods = pods_.List(tracked.hpa.ns, found.pod_selector, stop);
    tracked.pods_read = now;
  }
  std::vector<std::string> workers;
  if (Shrinks(tracked)) {
    workers = ReadBusy(tracked.hpa);
  }  // Else nobody needs to be marked any more.
  Mark(tracked, workers, until, stop);
  tracked.marking.failures = 0;
} catch (const std::exception& error) {
  if (!stop.stop_requested()) {
    MarkingFailed(tracked, std::string("Cannot let idle pods go first: ") + error.what());
  }
}

void ZeroController::RemoveMarks(Tracked& tracked, kube::Deadline until, const std::stop_token& stop) try {
  Mark(tracked, {}, until, stop);
} catch (const std::exception& error) {
  if (!stop.stop_requested()) {
    ++tracked.removals;
    MarkingFailed(tracked, std::string("Cannot remove the costs of its target's pods: ") + error.what());
  }
}

void ZeroController::Mark(Tracked& tracked, std::span<const std::string> workers, kube::Deadline until,
                          const std::stop_token& stop) {
  for (const CostChange& change : CostChanges(tracked.pods, workers, kMostCosts)) {
    if (!MayWrite() || steady_clock::now() >= until) {
      return;
    }
    pods_.Write(tracked.hpa.ns, change, stop);
    std::ranges::find(tracked.pods, change.pod, &Pod::name)->deletion_cost = change.busy ? kBusyCost : "";
  }
}

void ZeroController::MarkingFailed(Tracked& tracked, const std::string& text) {
  tracked.marking.Fail(options_.clock());
  Tell({.hpa = tracked.hpa, .action = Action::kSpareBusy, .text = text, .failed = true},
       std::string(ReasonsOf(Action::kSpareBusy).failed));
}

std::vector<std::string> ZeroController::ReadBusy(const ManagedHpa& hpa) const {
  std::vector<std::string> workers;
  for (const QueueMetric& queue : hpa.queues) {
    HoldersReading reading =
        options_.read_holders({hpa.ns, queue.metric, queue.selector}, steady_clock::now() + kReadTime);
    if (!reading.workers) {
      throw std::runtime_error(reading.doubt);
    }
    std::move(reading.workers->begin(), reading.workers->end(), std::back_inserter(workers));
  }
  return workers;
}

void ZeroController::TellDone(const Tracked& tracked, Action action, const std::string& text) {
  Tell({.hpa = tracked.hpa, .action = action, .text = text, .failed = false}, std::string(ReasonsOf(action).done));
}

void ZeroController::TellProblems(Tracked& tracked) {
  if (tracked.hpa.problems == tracked.told_problems) {
    return;
  }
  tracked.told_problems = tracked.hpa.problems;
  std::string text;
  for (const std::string& problem : tracked.hpa.problems) {
    text += (text.empty() ? "Left alone: " : "; ") + problem;
  }
  if (!text.empty()) {
    Tell({.hpa = tracked.hpa, .action = Action::kNothing, .text = text, .failed = true}, "ZeroMisconfigured");
  }
}

void ZeroController::Tell(const Act& act, const std::string& reason) {
  observer_.OnAct(act);
  options_.add_event(ReferenceTo(act.hpa), {.warning = act.failed, .reason = reason, .message = act.text});
}

seconds ZeroController::TimeToWrite(seconds wanted) const {
  const auto left = options_.leads_until() - steady_clock::now();
  return std::clamp(std::chrono::floor<seconds>(left), seconds(0), wanted);
}

}  // namespace server::zero
