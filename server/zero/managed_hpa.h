// A HorizontalPodAutoscaler that asks for our help with zero, as far as that help needs to know it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/label_selector.h"
#include "server/kube/api.h"

namespace server::zero {

/// The annotations. An HPA without the first is none of our business.
inline constexpr std::string_view kActions = "zero.queue-metrics.dev/actions";
inline constexpr std::string_view kCoolDown = "zero.queue-metrics.dev/cool-down";
inline constexpr std::string_view kActivationThreshold = "zero.queue-metrics.dev/activation-threshold";
inline constexpr std::string_view kPaused = "zero.queue-metrics.dev/paused";
inline constexpr std::string_view kPausedAt = "zero.queue-metrics.dev/paused-at";

/// What the HPA's owner lets us do, and how.
struct ZeroSettings {
  bool wake = false;
  bool sleep = false;
  /// Tell the HPA that a target found at 0 is its own to wake.
  bool mend = false;
  /// Let idle pods go before busy ones.
  bool spare_busy = false;
  std::chrono::seconds cool_down{300};
  std::int64_t activation_threshold = 0;
  bool paused = false;
  std::optional<std::int32_t> paused_at;
};

/// One of our metrics among those of the HPA.
struct QueueMetric {
  std::string metric;
  metrics::LabelSelector selector;
  /// Positive.
  std::int64_t target_milli;
  /// The target is for each pod (AverageValue), not for all of them (Value). From 0 the HPA computes the same.
  bool is_average = true;
};

struct ScaleTarget {
  std::string api_version;
  std::string kind;
  std::string name;

  bool operator==(const ScaleTarget&) const = default;
};

struct ManagedHpa {
  std::string ns;
  std::string name;
  std::string uid;
  std::string resource_version;
  ScaleTarget target;
  std::int32_t min_replicas = 1;
  std::int32_t max_replicas = 1;
  /// As far as one step of its scaleUp behaviour leads from 0. Nothing: it is not to scale up at all.
  std::optional<std::int32_t> first_step;
  std::vector<QueueMetric> queues;
  /// It also scales on what only others can read, so that nobody here can tell that there is no work.
  bool has_foreign_metric = false;

  // What the HPA controller has told.
  /// The smaller one of what it found and what it wanted; nothing before its first look.
  std::optional<std::int32_t> replicas;
  /// It put the target to 0 itself, and will wake it.
  bool owns_zero = false;
  /// It cannot scale, such as when it cannot read its metrics, or shares its pods with another HPA (AmbiguousSelector).
  bool is_stuck = false;

  ZeroSettings settings;
  /// What is wrong with the annotations, and what would be right. It is then left alone.
  std::vector<std::string> problems;
};

/// `hpa` is of autoscaling/v2. Nothing if it does not ask for our help. `our_metrics` is what we can read.
std::optional<ManagedHpa> ParseManagedHpa(const kube::Json& hpa, std::span<const std::string> our_metrics);

}  // namespace server::zero
