// One connection to one Redis, shared by every thread that reads from it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/metric_provider.h"
#include "metrics/redis/event_loop.h"
#include "metrics/redis/handshake.h"
#include "metrics/redis/redis_observer.h"
#include "metrics/redis/redis_source.h"
#include "metrics/redis/redis_url.h"
#include "metrics/redis/reply.h"
#include "metrics/redis/request_queue.h"
#include "metrics/redis/resolver.h"
#include "metrics/redis/resp.h"
#include "metrics/redis/unique_fd.h"

namespace metrics::redis {

struct RedisOptions {
  RedisEndpoint endpoint;
  /// Asked at each connect, so that rotated credentials are found; on the loop, so it must be quick. What it
  /// throws is told to clients and must hold no secret. Without it there is no AUTH.
  std::function<Credentials()> credentials{};
  /// How long a Redis that works may be silent: while a connection is opened, and while it owes an answer.
  std::chrono::milliseconds timeout{1000};
  /// The label of its telemetry.
  std::string name = "default";
};

/// Connects at once, and again whenever the connection is lost, with growing and jittered pauses between failures.
/// Batches of commands are sent in the order they come in, from whatever thread, and answered in that order.
///
/// All commands must be reads: batches in flight on a connection that is lost are sent once more on the next.
/// Without a connection, a batch waits for the attempt to connect that is under way. If the one before failed, it fails
/// at once with the cause of that, so that a dead Redis holds nobody up for longer than one wait.
///
/// What it may owe is bounded (RequestQueue::kMostMemory); beyond that, a batch fails at once.
///
/// Safe to call from several threads at once. The thread that runs the loop sends all that it was given since it last
/// waited by one write; any other writes to the socket itself, which saves a change of threads. The loop reads.
class RedisConnection final : public RedisSource {
 public:
  using Clock = std::chrono::steady_clock;

  /// `loop` and `observer` must outlive the connection.
  /// Throws std::system_error.
  RedisConnection(EventLoop& loop, RedisOptions options, RedisObserver& observer);
  ~RedisConnection() override;

  void Send(Batch batch, Clock::time_point deadline, ResultCallback callback) override;

  SourceStatus status() const override;
  const std::string& name() const override { return options_.name; }
  const std::string& subject() const override { return subject_; }
  std::chrono::milliseconds timeout() const override { return options_.timeout; }

 private:
  enum class State : std::uint8_t { kPausing, kResolving, kConnecting, kHandshaking, kUp };

  /// Where a lookup leaves its answer, since it may end after the connection.
  struct Mailbox {
    std::mutex mutex;
    RedisConnection* owner;
  };

  // On the loop.
  void OnSocket(std::uint32_t events);
  void OnTimer();
  void OnStateEnd();
  void OnResolved(const Resolution& resolution);
  void StartAttempt();
  void ConnectToNextAddress();
  void ShakeHands();
  void Receive();
  void TakeReplies();
  void ComeUp();
  void Lose(UnavailableKind kind, const std::string& what);
  void FailAttempt(UnavailableKind kind, const std::string& what);
  void FailWaiting(UnavailableKind kind, const std::string& what);
  void Pause();
  void CloseSocket();
  void Enter(State state, Clock::duration at_most);
  void Report();
  void Shutdown();

  // With mutex_ held.
  void Write(std::string_view bytes);
  void WriteLater(std::string_view bytes);
  void Flush();
  void WakeAt(Clock::time_point when);

  Failure FailureOf(UnavailableKind kind, const std::string& what) const;

  // Constant after construction.
  EventLoop& loop_;
  const RedisOptions options_;
  const std::string subject_;
  RedisObserver& observer_;
  const std::shared_ptr<Mailbox> mailbox_;

  // Used on the loop only.
  State state_ = State::kPausing;
  Clock::time_point state_end_ = Clock::time_point::max();  // When what state_ waits for is late.
  std::vector<Address> addresses_;
  std::size_t next_address_ = 0;
  std::string connect_error_;
  std::optional<Handshake> handshake_;
  std::optional<ReplyReader> reader_;
  Clock::time_point up_since_;
  unsigned failures_ = 0;  // In a row.
  std::minstd_rand random_;
  std::vector<RequestQueue::Settled> settled_;  // To be told as soon as mutex_ is free.
  SourceStatus reported_;
  EventLoop::Handler on_socket_;
  std::optional<Timer> timer_;

  // Guarded by mutex_.
  mutable std::mutex mutex_;
  bool is_up_ = false;
  UniqueFd socket_;        // Changed on the loop only, which may therefore read it without mutex_.
  std::string later_;      // For one write, before the loop's thread waits again.
  std::string unwritten_;  // What the socket did not take.
  RequestQueue requests_;
  std::optional<Failure> failure_;  // The last one, since the connection was up.
  bool may_wait_ = true;
  Clock::time_point wake_at_ = Clock::time_point::max();
};

}  // namespace metrics::redis
