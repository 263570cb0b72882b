// One connection to one Redis, shared by every thread that reads from it.
#pragma once

#include <chrono>
#include <cstdint>
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
#include "metrics/redis/redis_options.h"
#include "metrics/redis/redis_source.h"
#include "metrics/redis/reply.h"
#include "metrics/redis/request_queue.h"
#include "metrics/redis/resolver.h"
#include "metrics/redis/resp.h"
#include "metrics/redis/tls_session.h"
#include "metrics/redis/unique_fd.h"

namespace metrics::redis {

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

  enum class Target : std::uint8_t {
    kServer,
    /// A master that may move: the endpoint of the options is not used, but those that UseEndpoint() tells. The server
    /// there is believed only as long as it calls itself the master: ROLE is asked when it is connected, and after each
    /// batch in the same pipeline.
    kMaster,
  };

  /// `loop` and `observer` must outlive the connection.
  /// Throws std::system_error.
  RedisConnection(EventLoop& loop, RedisOptions options, RedisObserver& observer, Target target = Target::kServer);
  ~RedisConnection() override;

  void Send(Batch batch, Clock::time_point deadline, ResultCallback callback) override;

  /// What the destructor does, for an owner that is on the loop's thread: it may be destroyed there after that.
  void End();

  /// The master is there from now on. What is in flight is sent again to it, if it is for the first time. On the
  /// loop's thread.
  void UseEndpoint(const RedisEndpoint& endpoint);
  /// Nobody knows where the master is. On the loop's thread; not once UseEndpoint() was called.
  void HasNoEndpoint(const Failure& why);

  SourceStatus status() const override;
  const std::string& name() const override { return options_.name; }
  /// Not for a master that moves.
  const std::string& subject() const override { return subject_; }
  std::chrono::milliseconds timeout() const override { return options_.timeout; }

 private:
  enum class State : std::uint8_t { kPausing, kResolving, kConnecting, kSecuring, kHandshaking, kUp };

  /// Where a lookup leaves its answer, since it may end after the connection.
  struct Mailbox {
    std::mutex mutex;
    RedisConnection* owner;

    RedisConnection* Owner() {
      const std::lock_guard lock(mutex);
      return owner;
    }
  };

  // On the loop.

  /// Calls `act`, which goes on with the connection. If there is no memory for it, there may be some for the next
  /// attempt.
  template <typename Act>
  void OrLater(Act act);
  void OnSocket(std::uint32_t events);
  void OnTimer();
  void OnStateEnd();
  void OnResolved(unsigned attempt, const Resolution& resolution);
  void StartAttempt();
  void ConnectToNextAddress();
  void Secure();
  void ShakeHands();
  void WriteNow();
  /// Whether there may be more.
  bool Receive();
  void ReceiveTls(std::string_view bytes);
  void Feed(std::string_view bytes);
  void TakeReplies();
  void ComeUp();
  void Lose(UnavailableKind kind, const std::string& what);
  std::string HandshakeHint() const;
  void FailAttempt(UnavailableKind kind, const std::string& what);
  void FailWaiting(const Failure& why);
  void Pause();
  void CloseSocket();
  void Enter(State state, Clock::duration at_most);
  void BelieveOnlyMaster();
  void Report();

  // With mutex_ held.
  void Write(std::string_view bytes);
  void WriteToSocket(std::string_view bytes);
  void WriteLater(std::string_view bytes);
  /// A request stands in line for a reply that may never come: those after it would be taken for answers to others.
  void GiveUpSocket();
  void Flush();
  void WakeAt(Clock::time_point when);

  // On the loop's thread, or with mutex_ held.
  Failure FailureOf(UnavailableKind kind, const std::string& what) const;

  // Constant after construction.
  EventLoop& loop_;
  const RedisOptions options_;
  const Target target_;
  RedisObserver& observer_;
  const std::shared_ptr<Mailbox> mailbox_;

  // Used on the loop only.
  State state_ = State::kPausing;
  Clock::time_point state_end_ = Clock::time_point::max();  // When what state_ waits for is late.
  RedisEndpoint endpoint_;
  unsigned attempt_ = 0;  // To connect.
  std::vector<Address> addresses_;
  std::size_t next_address_ = 0;
  std::string connect_error_;
  std::optional<Handshake> handshake_;
  std::optional<ReplyReader> reader_;
  bool heard_ = false;  // Anything, by reader_.
  Clock::time_point up_since_;
  unsigned failures_ = 0;  // In a row.
  std::minstd_rand random_;
  std::vector<RequestQueue::Settled> settled_;  // To be told as soon as mutex_ is free.
  SourceStatus reported_;
  EventLoop::Handler on_socket_;
  std::optional<Timer> timer_;

  // Guarded by mutex_.
  mutable std::mutex mutex_;
  std::string subject_;  // Changed on the loop's thread only, like socket_.
  bool is_up_ = false;
  bool renews_ = false;    // It connects anew, but is as good as up: only an answer was too large.
  UniqueFd socket_;        // Changed on the loop only, which may therefore read it without mutex_.
  std::string later_;      // For one write, before the loop's thread waits again.
  std::string unwritten_;  // What the socket did not take.
  std::optional<TlsSession> tls_;
  RequestQueue requests_;
  std::optional<Failure> failure_;  // The last one, since the connection was up.
  bool may_wait_ = true;
  Clock::time_point wake_at_ = Clock::time_point::max();
};

}  // namespace metrics::redis
