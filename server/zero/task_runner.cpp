#include "server/zero/task_runner.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <utility>

namespace server::zero {
namespace {

// Tasks hang if none of them begins in this time. Others then get hands of their own.
constexpr std::chrono::milliseconds kHang{200};
// Of all runs. More are only begun with.
constexpr std::size_t kMostHands = 25;

}  // namespace

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
    AddHands(batch, hands);
  } catch (const std::exception&) {
    Work(*batch);  // Without another thread it takes as long as it takes.
  }
  for (std::size_t begun = 0;;) {
    std::unique_lock lock(batch->mutex);
    const auto now = std::chrono::steady_clock::now();
    if (batch->ended.wait_until(lock, std::min(deadline, now + kHang), [&] { return batch->HasEnded(); }) ||
        std::chrono::steady_clock::now() >= deadline) {
      batch->tasks.resize(batch->next);
      break;
    }
    const bool hang = batch->next == begun && begun < batch->tasks.size();
    begun = batch->next;
    lock.unlock();
    if (hang && at_work_.size() < kMostHands) {
      try {
        AddHands(batch, std::min(hands_, kMostHands - at_work_.size()));
      } catch (const std::exception&) {  // Those that are there go on.
      }
    }
  }
  std::erase_if(at_work_, [](const Hand& hand) {
    const std::lock_guard lock(hand.batch->mutex);
    return hand.batch->HasEnded();
  });
}

void TaskRunner::AddHands(const std::shared_ptr<Batch>& batch, std::size_t count) {
  at_work_.reserve(at_work_.size() + count);
  for (std::size_t i = 0; i < count; ++i) {
    at_work_.push_back({batch, std::jthread([batch] { Work(*batch); })});
  }
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
