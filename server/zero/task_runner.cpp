#include "server/zero/task_runner.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <utility>

namespace server::zero {

/// The tasks of one Run().
struct TaskRunner::Batch {
  std::mutex mutex;
  std::condition_variable ended;
  std::vector<std::function<void()>> tasks;  // Guarded by mutex.
  std::size_t next = 0;                      // Guarded by mutex.
  std::size_t under_way = 0;                 // Guarded by mutex.

  bool HasEnded() const { return next == tasks.size() && under_way == 0; }
};

void TaskRunner::Run(std::vector<std::function<void()>> tasks, std::chrono::steady_clock::time_point deadline) {
  const auto batch = std::make_shared<Batch>();
  const std::size_t hands = std::min(hands_, tasks.size());
  batch->tasks = std::move(tasks);
  try {
    for (std::size_t i = 0; i < hands; ++i) {
      at_work_.push_back({batch, std::jthread([batch] { Work(*batch); })});
    }
  } catch (const std::system_error&) {
    Work(*batch);  // Without another thread it takes as long as it takes.
  }
  {
    std::unique_lock lock(batch->mutex);
    batch->ended.wait_until(lock, deadline, [&] { return batch->HasEnded(); });
    batch->tasks.resize(batch->next);
  }
  std::erase_if(at_work_, [](const Hand& hand) {
    const std::lock_guard lock(hand.batch->mutex);
    return hand.batch->HasEnded();
  });
}

void TaskRunner::Work(Batch& batch) {
  std::unique_lock lock(batch.mutex);
  while (batch.next < batch.tasks.size()) {
    auto task = std::move(batch.tasks[batch.next++]);
    ++batch.under_way;
    lock.unlock();
    task();
    task = nullptr;  // What it holds is free before it counts as ended.
    lock.lock();
    --batch.under_way;
  }
  if (batch.HasEnded()) {
    batch.ended.notify_all();
  }
}

}  // namespace server::zero
