// The metrics of the queues of a configuration, which can be replaced while they are read.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "metrics/last_readings.h"
#include "metrics/metric_provider.h"
#include "metrics/queue_catalog.h"
#include "metrics/queue_config.h"
#include "metrics/queue_reader.h"
#include "metrics/queue_search.h"
#include "metrics/redis/event_loop.h"
#include "metrics/redis/redis_observer.h"
#include "metrics/redis/redis_options.h"
#include "metrics/redis/redis_source.h"

namespace metrics {

class QueueMetricProvider final : public MetricProvider {
 public:
  /// Says how the servers of a configured Redis are reached.
  using SourceOptionsOf = std::function<redis::SourceOptions(const SourceConfig&)>;

  /// Use() must have been called once before the first Get(). `loop` and `observer` must outlive the provider. Whoever
  /// waits for a value when the provider ends gets an error.
  QueueMetricProvider(redis::EventLoop& loop, redis::RedisObserver& observer, SourceOptionsOf options_of);
  ~QueueMetricProvider() override = default;

  /// From now on, questions are about `config`; those under way end as they began. Connections of Redis that are the
  /// same as before stay, and so does what was last read from them of queues that are kept as before; to the others it
  /// begins to connect, and does not wait for it. For one thread at a time.
  /// Throws std::system_error if the operating system refuses a descriptor or a thread; then all is as before.
  void Use(QueueConfig config);

  /// Ends connections that Use() has made superfluous, once nobody waits for an answer on them. Returns the names of
  /// those Redis that are gone. By the same thread as Use().
  std::vector<std::string> EndUnused();

  void Get(MetricQuery query, MetricCallback callback) override;
  std::vector<std::string> List() const override;

  void GetHolders(MetricQuery query, HoldersCallback callback) override;

  /// Each Redis with whether it is connected, sorted by name. Never blocks.
  std::vector<std::pair<std::string, redis::SourceStatus>> Sources() const;

 private:
  /// What one configuration says. Constant.
  struct Snapshot {
    QueueCatalog catalog;
    RedisSources sources;
    /// Of its sources.
    std::vector<std::shared_ptr<const void>> in_use;
  };

  struct Source {
    SourceConfig config;
    std::unique_ptr<redis::RedisSource> redis;
    /// Shared with all snapshots that name it, by which anybody may still read from it.
    std::shared_ptr<const void> in_use = std::make_shared<char>();
  };

  /// By name and options.
  using Layouts = std::map<std::pair<std::string, LayoutOptions>, std::shared_ptr<const QueueLayout>>;

  template <typename Callback>
  class Asked;
  class Query;
  class HoldersQuery;

  std::shared_ptr<const Snapshot> Current() const;

  // Constant after construction.
  redis::EventLoop& loop_;
  redis::RedisObserver& observer_;
  const SourceOptionsOf options_of_;

  LastReadings last_readings_;
  QueueReader reader_;

  mutable std::mutex mutex_;
  std::shared_ptr<const Snapshot> current_;  // Guarded by mutex_.

  Layouts layouts_;  // In use. The thread's that calls Use().

  // The thread's that calls Use(). After what its callbacks need, so that it ends before.
  std::vector<Source> unused_;
  std::vector<Source> used_;
};

}  // namespace metrics
