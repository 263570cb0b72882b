#include "server/zero/decision.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace server::zero {
namespace {

constexpr std::int32_t kMostReplicas = std::numeric_limits<std::int32_t>::max();

bool IsIdle(const Observation& seen) {
  return !seen.hpa_in_doubt && seen.replicas.value_or(0) > 0 && seen.demand.unfinished == 0 &&
         std::ranges::all_of(seen.demand.values, [](const auto& value) { return value == 0; });
}

Decision Nothing(std::string reason) { return {Action::kNothing, 0, std::move(reason)}; }

std::string Seconds(std::chrono::seconds duration) { return std::to_string(duration.count()) + " s"; }

std::int32_t Within(const ManagedHpa& hpa, std::int32_t replicas) {
  const std::int32_t most = std::max(hpa.max_replicas, 1);
  return std::clamp(replicas, std::min(std::max(hpa.min_replicas, 1), most), most);
}

Decision DecidePaused(const ManagedHpa& hpa, std::int32_t replicas) {
  const std::int32_t wanted = *hpa.settings.paused_at;
  const std::string reason = std::string(kPausedAt) + " is " + std::to_string(wanted);
  if (wanted == 0 && hpa.owns_zero) {
    return {Action::kDisown, 0, reason};
  }
  if (wanted == 0 && replicas > 0) {
    return {Action::kPause, 0, reason};
  }
  if (wanted > 0 && replicas == 0) {
    return {Action::kPause, Within(hpa, wanted), reason};
  }
  return Nothing(reason);  // Sizes above 0 are the HPA's.
}

Decision DecideWake(const ManagedHpa& hpa, const Demand& demand) {
  const auto size = SizeFromZero(hpa, demand);
  if (!size) {
    return Nothing("behavior.scaleUp.selectPolicy is Disabled");
  }
  std::string reason;
  for (std::size_t i = 0; i < demand.values.size(); ++i) {
    const QueueMetric& queue = hpa.queues[i];
    reason += (i == 0 ? "" : ", ") + queue.metric + "{" + queue.selector.ToString() + "} " +
              (demand.values[i] ? "is " + std::to_string(*demand.values[i]) : "cannot be read");
  }
  return {Action::kWake, *size, reason};
}

Decision DecideAtZero(const ManagedHpa& hpa, const Observation& seen, const Memory& memory) {
  const ZeroSettings& settings = hpa.settings;
  if (settings.wake && NeedsWorkers(hpa, seen.demand)) {
    return DecideWake(hpa, seen.demand);
  }
  if (settings.mend && hpa.min_replicas == 0 && !hpa.owns_zero && !memory.mended) {
    return {Action::kMend, 0, "the HPA does not wake a target that it did not scale to 0 itself"};
  }
  return Nothing(seen.demand.IsComplete() ? "no queue is above the activation threshold" : "a queue cannot be read");
}

Decision DecideAboveZero(const ManagedHpa& hpa, const Observation& seen, const Memory& memory, std::int32_t replicas) {
  if (!hpa.settings.sleep || hpa.min_replicas == 0) {
    return Nothing("sizes above 0 are the HPA's");
  }
  if (replicas > hpa.min_replicas) {
    return Nothing("the HPA has not come down to its minReplicas yet");
  }
  if (hpa.is_stuck) {
    return Nothing("the HPA says that it cannot scale: its condition ScalingActive is False");
  }
  if (!seen.demand.IsComplete()) {
    return Nothing("a queue cannot be read");
  }
  if (!memory.idle_since || seen.now - *memory.idle_since < hpa.settings.cool_down) {
    return Nothing("the cool-down is not over");
  }
  const std::string reason = "no job has waited or been in flight for " + Seconds(hpa.settings.cool_down);
  return {hpa.owns_zero ? Action::kDisown : Action::kSleep, 0, reason};
}

}  // namespace

Memory Remember(Memory memory, const Observation& seen) {
  memory.mended = memory.mended && seen.replicas.value_or(0) == 0;
  const bool gap = !memory.last_reading || seen.now - *memory.last_reading > kLongestGap;
  const bool idle = IsIdle(seen);
  if (!idle || gap) {
    memory.idle_since.reset();
  }
  if (idle && !memory.idle_since) {
    memory.idle_since = seen.now;
  }
  if (seen.demand.IsComplete()) {
    memory.last_reading = seen.now;
  }
  return memory;
}

std::string_view Name(Action action) {
  switch (action) {
    case Action::kNothing:
      break;
    case Action::kWake:
      return "wake";
    case Action::kSleep:
      return "sleep";
    case Action::kPause:
      return "pause";
    case Action::kMend:
      return "mend";
    case Action::kDisown:
      return "disown";
    case Action::kSpareBusy:
      return "spare-busy";
  }
  return "nothing";
}

Decision Decide(const ManagedHpa& hpa, const Observation& seen, const Memory& memory) {
  if (!hpa.problems.empty()) {
    return Nothing(hpa.problems.front());
  }
  if (!seen.replicas) {
    return Nothing("the size of its target is not known");
  }
  if (hpa.settings.paused) {
    return Nothing(std::string(kPaused) + " is true");
  }
  if (hpa.settings.paused_at) {
    return DecidePaused(hpa, *seen.replicas);
  }
  return *seen.replicas == 0 ? DecideAtZero(hpa, seen, memory) : DecideAboveZero(hpa, seen, memory, *seen.replicas);
}

std::int32_t SizeFor(const ManagedHpa& hpa, const Demand& demand, std::int32_t replicas) {
  double wanted = 0;
  for (std::size_t i = 0; i < demand.values.size(); ++i) {
    if (const auto& value = demand.values[i]) {
      constexpr double kMilli = 1000;
      const double times = hpa.queues[i].is_average ? 1 : std::max(replicas, 1);
      const auto target = static_cast<double>(hpa.queues[i].target_milli);
      wanted = std::max(wanted, std::ceil(static_cast<double>(*value) * kMilli * times / target));
    }
  }
  return Within(hpa, wanted >= kMostReplicas ? kMostReplicas : static_cast<std::int32_t>(wanted));
}

std::optional<std::int32_t> SizeFromZero(const ManagedHpa& hpa, const Demand& demand) {
  if (!hpa.first_step) {
    return std::nullopt;
  }
  // Where its first step is none at all, as with a percentage, the HPA would stay at 0 for ever.
  return Within(hpa, std::min(SizeFor(hpa, demand, 0), std::max(*hpa.first_step, 1)));
}

}  // namespace server::zero
