// A list whose workers keep what they have taken in another list until it is done: LMOVE, BLMOVE or BRPOPLPUSH, then
// LREM.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "metrics/layouts/job_time.h"
#include "metrics/layouts/registered.h"

namespace metrics::layouts {

/// All keys are patterns: "{queue}" stands for the queue.
struct ReliableListOptions {
  std::string waiting = "{queue}";
  /// Lists that all workers share.
  std::vector<std::string> processing = {"{queue}:processing"};
  /// A key that names the workers, if each has a list of its own: the members of a set or of a sorted set, or the
  /// fields of a hash. A worker must be in it before it takes a job. Empty: there is none.
  std::string workers{};
  enum class Registry : std::uint8_t { kSet, kSortedSet, kHash } workers_type = Registry::kSet;
  /// The list of one worker; "{worker}" stands for its name.
  std::string worker_processing = "{queue}:processing:{worker}";
  /// A sorted set of jobs by when they are due. Empty: there is none.
  std::string delayed{};
  TimeUnit delayed_unit = TimeUnit::kSeconds;
};

class ReliableList final : public Registered {
 public:
  explicit ReliableList(const ReliableListOptions& options = {});
};

}  // namespace metrics::layouts
