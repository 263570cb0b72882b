// What happens to the Redis sources, told to the log, and passed on.
#pragma once

#include "metrics/redis/redis_observer.h"
#include "server/log.h"

namespace server {

/// One line for each change of a connection, and at most one a second for failed reads of a source and kind.
class RedisEventLog final : public metrics::redis::RedisObserver {
 public:
  /// `next` is told everything too, and must outlive this.
  explicit RedisEventLog(metrics::redis::RedisObserver& next) : next_(next) {}

  void OnRoundTrip(std::string_view source, std::chrono::nanoseconds duration) override;
  void OnError(std::string_view source, std::string_view queues, metrics::UnavailableKind kind,
               std::string_view cause) override;
  void OnConnectionChange(std::string_view source, bool up, std::string_view cause) override;

 private:
  metrics::redis::RedisObserver& next_;
  LogLimiter limiter_;
};

}  // namespace server
