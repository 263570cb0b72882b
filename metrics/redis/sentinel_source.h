// The master that Sentinels watch over, wherever it is just now.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "metrics/redis/event_loop.h"
#include "metrics/redis/redis_connection.h"
#include "metrics/redis/redis_observer.h"
#include "metrics/redis/redis_options.h"
#include "metrics/redis/redis_source.h"

namespace metrics::redis {

/// All Sentinels are asked ten times a second who the master is; of their answers, the one of the latest failover
/// counts. What that server answers is believed only as long as it calls itself the master (see RedisConnection), so
/// nothing is ever read from a server that knows it is a replica. One that was replaced and does not know it yet, being
/// cut off from its Sentinels, is left as soon as a Sentinel that knows has told us: within a tenth of a second.
/// While no Sentinel answers, the master stays.
///
/// Needs SENTINEL GET-MASTER-ADDR-BY-NAME and SENTINEL MASTER of the Sentinels, and ROLE of the master.
class SentinelSource final : public RedisSource {
 public:
  /// `loop` and `observer` must outlive the source.
  /// Throws std::system_error.
  SentinelSource(EventLoop& loop, SentinelOptions options, RedisObserver& observer);
  ~SentinelSource() override;

  void Send(Batch batch, std::chrono::steady_clock::time_point deadline, ResultCallback callback) override {
    master_.Send(std::move(batch), deadline, std::move(callback));
  }

  SourceStatus status() const override { return master_.status(); }
  const std::string& name() const override { return options_.name; }
  const std::string& subject() const override { return subject_; }
  std::chrono::milliseconds timeout() const override { return options_.timeout; }

 private:
  /// What a Sentinel said of the master.
  struct Report {
    RedisEndpoint master;
    std::int64_t epoch;  // Of the failover that made it the master.
    std::chrono::steady_clock::time_point at;
  };

  struct Sentinel {
    std::unique_ptr<RedisConnection> connection;
    bool is_asked = false;
    std::optional<Report> report{};    // The latest.
    std::optional<Failure> problem{};  // With the latest answer.
  };

  // On the loop's thread.
  void AskAll();
  void Take(Sentinel& sentinel, const Result& answer);
  /// What was wrong with the answer, if anything was; else the sentinel has a new report.
  std::optional<Failure> Read(Sentinel& sentinel, const Result& answer);
  void Follow();
  Failure Unknown(const Failure& why) const;

  // Constant after construction.
  const SentinelOptions options_;
  const std::string subject_;
  EventLoop& loop_;
  const std::chrono::steady_clock::time_point begun_;

  // Used on the loop's thread only.
  std::vector<Sentinel> sentinels_;
  std::optional<RedisEndpoint> followed_;
  std::optional<Timer> timer_;

  RedisConnection master_;
};

}  // namespace metrics::redis
