// Tasks that mostly wait, on a few threads, for somebody who cannot wait for the slowest of them.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace server::zero {

/// For one thread at a time. Its end waits for the tasks that are under way.
class TaskRunner {
 public:
  /// `hands` tasks of one Run() are under way at once, and more where they seem to hang.
  explicit TaskRunner(std::size_t hands) : hands_(hands) {}

  /// Begins `tasks` in their order, and returns when all have ended. At `deadline` it returns all the same: what is
  /// under way goes on, on hands of its own, and what has not begun is destroyed. Tasks must not throw.
  void Run(std::vector<std::function<void()>> tasks, std::chrono::steady_clock::time_point deadline);

 private:
  struct Batch;
  struct Hand {
    std::shared_ptr<Batch> batch;
    std::jthread thread;
  };

  static void Work(Batch& batch);
  /// Throws std::system_error when there are no more threads, or std::bad_alloc.
  void AddHands(const std::shared_ptr<Batch>& batch, std::size_t count);

  const std::size_t hands_;
  std::vector<Hand> at_work_;
};

}  // namespace server::zero
