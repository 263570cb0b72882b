// The one thread that waits for every Redis connection.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "metrics/redis/unique_fd.h"

namespace metrics::redis {

/// Runs handlers and tasks one at a time on a thread of its own; they must be quick and must not throw. Every method
/// may be called from any thread. The constructor throws std::system_error.
class EventLoop {
 public:
  /// Called with the epoll events that are ready; what is not dealt with is reported again.
  using Handler = std::function<void(std::uint32_t events)>;

  EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  /// Waits for the handler that is running; tasks not yet begun are dropped.
  ~EventLoop() = default;

  /// `handler` must live until Unwatch(fd) was called on the loop's thread; after that it is not called any more.
  /// Throws std::system_error.
  void Watch(int fd, std::uint32_t events, Handler& handler);
  /// Changes the events that a watched descriptor waits for.
  void ChangeWatch(int fd, std::uint32_t events, Handler& handler);
  void Unwatch(int fd);

  /// Runs `task` on the loop's thread, after those posted before.
  void Post(std::function<void()> task);
  /// The same, and returns when it is done. Not from the loop's thread, which would wait for itself.
  void RunAndWait(const std::function<void()>& task);

 private:
  void Run(const std::stop_token& stop);
  void RunTasks();
  void Wake() const;

  // Constant after construction.
  UniqueFd epoll_;
  UniqueFd wake_;
  Handler on_wake_ = [this](std::uint32_t) { RunTasks(); };

  std::mutex mutex_;
  std::vector<std::function<void()>> tasks_;  // Guarded by mutex_.

  std::jthread thread_;  // Last, because it uses all of the above.
};

/// An alarm on an EventLoop.
class Timer {
 public:
  /// Calls `on_alarm` on the thread of `loop`.
  /// Throws std::system_error.
  Timer(EventLoop& loop, std::function<void()> on_alarm);
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  /// On the loop's thread.
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
