// What the Redis side tells about itself, so that telemetry and logs need not reach into it.
#pragma once

#include <chrono>
#include <string_view>

#include "metrics/metric_provider.h"

namespace metrics::redis {

/// Calls come from the loop and from callers' threads, several at once; they must be quick and must not throw.
/// `source` is the configured name of a Redis, a closed set.
class RedisObserver {
 public:
  RedisObserver() = default;
  RedisObserver(const RedisObserver&) = delete;
  RedisObserver& operator=(const RedisObserver&) = delete;
  virtual ~RedisObserver() = default;

  /// A batch of commands was answered, after `duration`.
  virtual void OnRoundTrip(std::string_view source, std::chrono::nanoseconds duration) = 0;
  /// A read failed. `queues` are those it was about, or the first and how many more.
  virtual void OnError(std::string_view source, std::string_view queues, UnavailableKind kind,
                       std::string_view cause) = 0;
  /// The connection came up, or went down for `cause`.
  virtual void OnConnectionChange(std::string_view source, bool up, std::string_view cause) = 0;
};

}  // namespace metrics::redis
