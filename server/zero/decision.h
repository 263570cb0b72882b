// What to do about a target at, or on its way to, zero. Values in, values out: nothing here reads, waits or writes.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/zero/demand.h"
#include "server/zero/managed_hpa.h"

namespace server::zero {

using TimePoint = std::chrono::steady_clock::time_point;

/// A reading older than this has not seen what came since; the cool-down begins anew.
inline constexpr std::chrono::seconds kLongestGap{10};

/// What is known at one moment. What is not there is in doubt.
struct Observation {
  TimePoint now;
  Demand demand;
  std::optional<std::int32_t> replicas;
  /// The HPA may have changed without a word.
  bool hpa_in_doubt = false;
};

/// What was seen of an HPA before.
struct Memory {
  /// Since when everything that was seen said that there is no work, while there were replicas.
  std::optional<TimePoint> idle_since;
  std::optional<TimePoint> last_reading;
  /// The HPA was given this spell of zero once. It may have refused: without the gate HPAScaleToZero it takes the
  /// condition away.
  bool mended = false;
};

/// `memory` after `seen`.
Memory Remember(Memory memory, const Observation& seen);

enum class Action : std::uint8_t {
  kNothing,
  kWake,       // Scale from 0 to `replicas`.
  kSleep,      // Scale to 0: there is no work.
  kPause,      // Scale to `replicas`, as the owner said.
  kMend,       // Tell the HPA that this zero is its own.
  kDisown,     // Tell the HPA that a zero is not its own, for it would undo it.
  kSpareBusy,  // Mark pods that hold a job, or take marks away. Not of Decide().
};

/// "nothing", "wake", …: in metrics and logs.
std::string_view Name(Action action);

struct Decision {
  Action action = Action::kNothing;
  std::int32_t replicas = 0;
  /// Why, in a sentence without its full stop.
  std::string reason;
};

/// `memory` knows `seen` already. Never scales down what is in doubt, and wakes on any reading that is there.
Decision Decide(const ManagedHpa& hpa, const Observation& seen, const Memory& memory);

/// The size that the HPA wants for a target of `replicas`: the largest of ceil(value / target), times `replicas` where
/// the target is one for all pods, within its limits. As for the HPA, what is in doubt counts for nothing; it does not
/// scale down then.
std::int32_t SizeFor(const ManagedHpa& hpa, const Demand& demand, std::int32_t replicas);

/// The size that the HPA would give a target at 0, and at least 1 if any value is positive: the largest of
/// ceil(value / target), within its limits and the first step of its behaviour. Nothing if that forbids scaling up.
std::optional<std::int32_t> SizeFromZero(const ManagedHpa& hpa, const Demand& demand);

}  // namespace server::zero
