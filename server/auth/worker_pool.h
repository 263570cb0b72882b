// Threads for what has to wait, so that the reactor need not.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

namespace server::auth {

/// Safe to use from several threads at once.
class WorkerPool {
 public:
  explicit WorkerPool(unsigned threads) {
    for (unsigned i = 0; i < threads; ++i) {
      threads_.emplace_back([this](const std::stop_token& stop) { Work(stop); });
    }
  }
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  /// Waits for the jobs under way; those that wait for a thread are dropped.
  ~WorkerPool() {
    for (std::jthread& thread : threads_) {
      thread.request_stop();
    }
  }

  /// `job` must not throw.
  void Run(std::function<void()> job) {
    {
      const std::lock_guard lock(mutex_);
      jobs_.push_back(std::move(job));
    }
    available_.notify_one();
  }

 private:
  void Work(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (available_.wait(lock, stop, [this] { return !jobs_.empty(); }) && !stop.stop_requested()) {
      auto job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
      job = nullptr;
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable_any available_;
  std::deque<std::function<void()>> jobs_;  // Guarded by mutex_.
  std::vector<std::jthread> threads_;       // Last, so that they end first.
};

}  // namespace server::auth
