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

namespace server::http {

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

  /// `job` must not throw. Throws std::bad_alloc.
  void Run(std::function<void()> job) { Insert(std::move(job), false); }
  /// The same, before all that wait.
  void RunNext(std::function<void()> job) { Insert(std::move(job), true); }

 private:
  void Insert(std::function<void()> job, bool next) {
    {
      const std::lock_guard lock(mutex_);
      jobs_.insert(next ? jobs_.begin() : jobs_.end(), std::move(job));
    }
    available_.notify_one();
  }

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

}  // namespace server::http
