// What every Redis connection waits with. It has no thread: whoever has one lends it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "metrics/redis/unique_fd.h"

namespace metrics::redis {

/// Handlers and tasks that run one at a time, "on the loop", whatever thread that is; they must be quick and must not
/// throw. Every method may be called from any thread. The constructor throws std::system_error.
class EventLoop {
 public:
  /// Called with the epoll events that are ready; what is not dealt with is reported again.
  using Handler = std::function<void(std::uint32_t events)>;

  EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  /// Nothing may run on it any more; tasks not yet begun are dropped.
  ~EventLoop() = default;

  /// Readable while there is something to run: for poll(), or for another epoll, so that one thread can wait for the
  /// loop and for things of its own. What that thread itself posts does not make it readable.
  int fd() const { return epoll_.get(); }
  /// Runs what is ready now, or a part of it; never waits for more. One thread calls it whenever it has done something
  /// else, before it waits again. Not on the loop.
  void RunReady();
  /// Whether this is the thread that called RunReady() last: what it posts is run before it waits again.
  bool RunsHere() const { return runner_ == std::this_thread::get_id(); }

  /// `handler` must live until Unwatch(fd) was called on the loop; after that it is not called any more.
  /// Throws std::system_error.
  void Watch(int fd, std::uint32_t events, Handler& handler);
  /// Changes the events that a watched descriptor waits for.
  void ChangeWatch(int fd, std::uint32_t events, Handler& handler);
  void Unwatch(int fd);

  /// RunReady() will run `task`, after those posted before.
  void Post(std::function<void()> task);
  /// Runs `task` here and now, on the loop, after those posted before. Not on the loop, which would wait for itself.
  void RunAndWait(const std::function<void()>& task);

 private:
  void RunTasks();
  void Wake() const;

  // Constant after construction.
  UniqueFd epoll_;
  UniqueFd wake_;
  Handler on_wake_;

  std::mutex running_;  // Held by whoever is "on the loop".
  std::atomic<std::thread::id> runner_;

  std::mutex mutex_;
  std::vector<std::function<void()>> tasks_;  // Guarded by mutex_.
};

/// An alarm on an EventLoop.
class Timer {
 public:
  /// Calls `on_alarm` on `loop`.
  /// Throws std::system_error.
  Timer(EventLoop& loop, std::function<void()> on_alarm);
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  /// On the loop.
  ~Timer();

  /// The alarm goes off once, at `when` or at once if that is past; each call replaces the one before. From any thread,
  /// and without waking the loop now.
  void Set(std::chrono::steady_clock::time_point when) const;

 private:
  EventLoop& loop_;
  UniqueFd fd_;
  EventLoop::Handler on_expiry_;
};

}  // namespace metrics::redis
