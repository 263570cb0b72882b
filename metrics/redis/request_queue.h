// Who waits for which answer of one Redis: the bookkeeping of a connection, without its input and output.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "metrics/redis/reply.h"
#include "metrics/redis/resp.h"

namespace metrics::redis {

/// One reply for each command of a batch, or why there are none.
using Result = std::variant<std::vector<Reply>, Failure>;
using ResultCallback = std::function<void(Result)>;

/// Requests that wait for a connection, and requests in flight on it. Not for several threads at once. It never calls
/// back, since its owner holds a lock: what is over is added to `settled`. Throws std::bad_alloc; then only a request
/// that was just given is lost, and the others can be settled another time.
class RequestQueue {
 public:
  using Clock = std::chrono::steady_clock;

  struct Request {
    Batch batch;
    Clock::time_point started;
    Clock::time_point deadline;
    ResultCallback callback;
  };

  /// A request that is over.
  struct Settled {
    ResultCallback callback;
    Result result;
    Clock::time_point started;
  };

  /// What all requests together may take, in bytes: enough for ten thousand questions about one queue, or thirty about
  /// a thousand. The answers to late ones are owed still, so that without a bound they would pile up.
  static constexpr std::size_t kMostMemory = std::size_t{4} << 20U;

  /// `subject` begins the texts of errors. `patience` is how long Redis may be silent while it owes an answer.
  RequestQueue(std::string subject, Clock::duration patience);

  void set_subject(std::string subject) { subject_ = std::move(subject); }

  /// Whether `batch` fits in, besides `others` bytes that the owner keeps; when there is nothing else, any does. What
  /// follows does not ask.
  bool HasRoomFor(const Batch& batch, std::size_t others) const;

  void Wait(Request request);

  /// Redis owes its answer from now on. Returns the bytes to send, valid until the queue changes.
  const std::string& Dispatch(Request request, Clock::time_point now);
  /// The same for all that wait.
  std::string DispatchWaiting(Clock::time_point now);

  /// The next reply of Redis.
  /// Throws ProtocolError if it owes none.
  void Take(Reply reply, Clock::time_point now, std::vector<Settled>& settled);

  /// Settles what is past its deadline. Redis still owes the answers to what is in flight.
  void Expire(Clock::time_point now, std::vector<Settled>& settled);

  /// The connection was lost: what is in flight waits for the next one, but only once in its life. If what Redis sent
  /// was unreadable, it was the answer to the oldest request, which would only cause it again. If it was too large,
  /// that is that request's own doing, and does not count against the others.
  void Lose(const Failure& why, std::vector<Settled>& settled);

  void FailWaiting(const Failure& why, std::vector<Settled>& settled);
  void FailAll(const Failure& why, std::vector<Settled>& settled);

  /// Redis owes an answer and has been silent for too long.
  bool IsStalled(Clock::time_point now) const;

  /// When there will be something to expire, or a silence too long; max() for never.
  Clock::time_point NextEvent() const;

 private:
  struct Entry {
    Request request;  // Once it is settled, without a callback and a batch.
    std::size_t owed = request.batch.raw_size();
    std::vector<Reply> replies{};
    bool is_repeated = false;
  };

  static std::size_t MemoryFor(const Batch& batch) {
    return sizeof(Entry) + batch.bytes().size() + batch.raw_size() * sizeof(Reply);
  }

  Entry& Add(std::deque<Entry>& entries, Request request);
  void Settle(Entry& entry, Result result, std::vector<Settled>& settled);
  void Forget(std::deque<Entry>& entries);

  std::string subject_;
  const Clock::duration patience_;
  std::deque<Entry> waiting_;
  std::deque<Entry> in_flight_;
  std::size_t memory_ = 0;          // For all entries.
  Clock::time_point silent_since_;  // Means nothing while nothing is in flight.
};

}  // namespace metrics::redis
