#include "server/zero/task_runner.h"

#include <atomic>
#include <latch>
#include <memory>
#include <mutex>
#include <numeric>

#include "test/support/catch.h"

namespace server::zero {
namespace {

using std::chrono::hours;
using std::chrono::steady_clock;

using Tasks = std::vector<std::function<void()>>;

TEST_CASE("tasks are done in their order, and all of them when there is time") {
  std::mutex mutex;
  std::vector<int> begun;
  Tasks tasks;
  for (int i = 0; i < 20; ++i) {
    tasks.emplace_back([&, i] {
      const std::lock_guard lock(mutex);
      begun.push_back(i);
    });
  }
  std::vector<int> in_order(20);
  std::iota(in_order.begin(), in_order.end(), 0);
  TaskRunner(1).Run(tasks, steady_clock::now() + hours(1));
  CHECK(begun == in_order);
  begun.clear();
  TaskRunner(5).Run(tasks, steady_clock::now() + hours(1));
  CHECK_THAT(begun, Catch::Matchers::UnorderedEquals(in_order));
  TaskRunner(5).Run({}, steady_clock::now() + hours(1));
}

TEST_CASE("tasks that hang do not keep those behind them from their turn") {
  std::latch release(1);
  std::atomic<bool> done = false;
  Tasks tasks(12, [&] { release.wait(); });
  tasks.emplace_back([&] {
    done = true;
    release.count_down();
  });
  TaskRunner(5).Run(std::move(tasks), steady_clock::now() + hours(1));
  CHECK(done);
}

TEST_CASE("a task that takes too long goes on, what waits behind it is dropped, and the next ones do not wait for it") {
  std::latch release(1);
  std::atomic<bool> begun = false;
  std::atomic<bool> ran_late = false;
  const auto held = std::make_shared<int>();
  {
    TaskRunner runner(1);
    const std::function<void()> slow = [&] {
      begun = true;
      release.wait();
    };
    const std::function<void()> behind = [&, held] { ran_late = true; };
    while (!begun) {
      runner.Run({slow, behind}, steady_clock::now() + std::chrono::milliseconds(1));
    }
    CHECK(held.use_count() == 2);  // Here, and in `behind`.
    bool done = false;
    runner.Run({[&] { done = true; }}, steady_clock::now() + hours(1));
    CHECK(done);
    release.count_down();
  }
  CHECK_FALSE(ran_late);
}

}  // namespace
}  // namespace server::zero
