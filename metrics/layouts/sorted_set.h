// A plain sorted set: each member is a job, and its score says in which order or when it is due.
#pragma once

#include <optional>

#include "metrics/layouts/preset.h"

namespace metrics::layouts {

struct SortedSetOptions {
  /// The score is the time at which a job is due, in this unit; it waits from then on. Nothing: the score is something
  /// else, and all members wait.
  std::optional<TimeUnit> due{};
};

class SortedSet final : public Preset {
 public:
  explicit SortedSet(const SortedSetOptions& options = {});
};

}  // namespace metrics::layouts
