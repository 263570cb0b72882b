// Sidekiq: a list for each queue, hashes in which processes report what they work on, and sorted sets of scheduled jobs
// and of retries that all queues share.
#pragma once

#include <string>

#include "metrics/layouts/registered.h"

namespace metrics::layouts {

struct SidekiqOptions {
  /// "NAMESPACE:" of redis-namespace, which Sidekiq 6 and older may use.
  std::string prefix{};
};

/// Processes report every ten seconds, so what is in flight is that old. Of the jobs that all queues share, the first
/// few tell how many can be read at once; if they are not all, one more round reads everything anew with that many.
class Sidekiq final : public QueueLayout {
 public:
  explicit Sidekiq(const SidekiqOptions& options = {});

  QueueParts Offers() const override;
  bool SharesKeys(const QueueParts& /*wanted*/) const override { return true; }
  void Ask(const QueueRead& read, redis::Batch& batch) const override;
  std::optional<QueueCounts> Count(const QueueRead& read, Replies replies, redis::Batch& more) const override;

 private:
  void AskShared(const QueueRead& read, std::size_t limit, redis::Batch& batch) const;
  void AskAll(const QueueRead& read, std::size_t limit, redis::Batch& batch) const;

  const std::vector<std::string> delayed_;
  const Registered rest_;
};

}  // namespace metrics::layouts
