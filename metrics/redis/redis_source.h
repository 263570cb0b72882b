// One configured Redis, of however many servers it is made: what readers of queues ask.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "metrics/redis/event_loop.h"
#include "metrics/redis/redis_observer.h"
#include "metrics/redis/redis_options.h"
#include "metrics/redis/request_queue.h"
#include "metrics/redis/resp.h"

namespace metrics::redis {

struct SourceStatus {
  bool up = false;
  /// Why it is not up.
  std::string cause{};

  bool operator==(const SourceStatus&) const = default;
};

/// Safe to call from several threads at once.
class RedisSource {
 public:
  RedisSource() = default;
  RedisSource(const RedisSource&) = delete;
  RedisSource& operator=(const RedisSource&) = delete;
  /// Not on the loop. Whoever still waits gets an error.
  virtual ~RedisSource() = default;

  /// Sends `batch`, which must only read, and has one command at least. `callback` is called exactly once, when
  /// `deadline` comes at the latest, on the loop or by this call itself; it must be quick and must not throw. Error
  /// replies are replies.
  virtual void Send(Batch batch, std::chrono::steady_clock::time_point deadline, ResultCallback callback) = 0;

  virtual SourceStatus status() const = 0;

  /// Whether its keys are spread over several servers, so that not any of them can be in one transaction.
  virtual bool is_cluster() const { return false; }

  /// The name it has in the configuration, for labels.
  virtual const std::string& name() const = 0;
  /// "Redis at HOST:PORT", to begin a sentence with.
  virtual const std::string& subject() const = 0;
  /// How long it may take to answer.
  virtual std::chrono::milliseconds timeout() const = 0;
};

/// Begins to connect, and does not wait for it. `loop` and `observer` must outlive the source.
/// Throws std::system_error if the operating system refuses a descriptor or a thread.
std::unique_ptr<RedisSource> MakeSource(EventLoop& loop, SourceOptions options, RedisObserver& observer);

}  // namespace metrics::redis
