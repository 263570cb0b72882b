// Who holds the jobs of a queue, where a framework notes it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/redis/reply.h"
#include "metrics/redis/resp.h"

namespace metrics {

/// Constant after construction, hence safe to use from several threads at once.
class QueueHolders {
 public:
  QueueHolders() = default;
  QueueHolders(const QueueHolders&) = delete;
  QueueHolders& operator=(const QueueHolders&) = delete;
  virtual ~QueueHolders() = default;

  /// Adds the commands that begin to find the holders of jobs of `queue`. They only read.
  virtual void Ask(std::string_view queue, redis::Batch& batch) const = 0;

  /// The names of the workers that hold a job, as the framework notes them, from the replies of all rounds so far in
  /// the order asked. If they do not suffice, it adds the commands of the next round to `more` and returns nothing.
  /// Throws MetricUnavailableError, as QueueLayout::Count() does.
  virtual std::optional<std::vector<std::string>> Names(std::string_view queue, std::span<const redis::Reply> replies,
                                                        redis::Batch& more) const = 0;
};

}  // namespace metrics
