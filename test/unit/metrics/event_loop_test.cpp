#include "metrics/redis/event_loop.h"

#include <thread>
#include <vector>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "test/support/catch.h"

namespace metrics::redis {
namespace {

bool HasWork(const EventLoop& loop, int wait_ms = 0) {
  pollfd ready{.fd = loop.fd(), .events = POLLIN, .revents = 0};
  return ::poll(&ready, 1, wait_ms) == 1;
}

TEST_CASE("a loop runs nothing by itself, and says when there is something to run", "[redis]") {
  EventLoop loop;
  std::vector<int> done;
  CHECK_FALSE(HasWork(loop));
  loop.Post([&] { done.push_back(1); });
  loop.Post([&] { done.push_back(2); });
  CHECK(HasWork(loop));
  CHECK(done.empty());
  loop.RunReady();
  CHECK(done == std::vector{1, 2});
  CHECK_FALSE(HasWork(loop));
}

TEST_CASE("the thread that runs the loop need not be woken to run what it posts", "[redis]") {
  EventLoop loop;
  std::vector<int> done;
  CHECK_FALSE(loop.RunsHere());
  loop.RunReady();
  CHECK(loop.RunsHere());
  loop.Post([&] { loop.Post([&] { done.push_back(2); }); });
  loop.Post([&] { done.push_back(1); });
  CHECK_FALSE(HasWork(loop));
  loop.RunReady();
  CHECK(done == std::vector{1, 2});

  std::jthread([&] { loop.Post([&] { done.push_back(3); }); }).join();
  CHECK(HasWork(loop));
  loop.RunReady();
  CHECK(done.back() == 3);
}

TEST_CASE("a task can be run at once, after those that wait, by whoever needs it done", "[redis]") {
  EventLoop loop;
  std::vector<int> done;
  loop.Post([&] { done.push_back(1); });
  std::jthread([&] { loop.RunAndWait([&] { done.push_back(2); }); }).join();
  CHECK(done == std::vector{1, 2});
  loop.RunReady();
  CHECK(done.size() == 2);
}

TEST_CASE("a handler may end another watch, whose event is then not delivered", "[redis]") {
  EventLoop loop;
  const UniqueFd first(::eventfd(1, EFD_CLOEXEC));
  const UniqueFd second(::eventfd(1, EFD_CLOEXEC));
  int calls = 0;
  EventLoop::Handler handler = [&](std::uint32_t) {
    ++calls;
    loop.Unwatch(first.get());
    loop.Unwatch(second.get());
  };
  loop.Watch(first.get(), EPOLLIN, handler);
  loop.Watch(second.get(), EPOLLIN, handler);
  loop.RunReady();
  CHECK(calls == 1);
  CHECK_FALSE(HasWork(loop));
}

TEST_CASE("an alarm goes off once, and each setting replaces the one before", "[redis]") {
  using namespace std::chrono_literals;
  EventLoop loop;
  int alarms = 0;
  const Timer timer(loop, [&] { ++alarms; });
  timer.Set(std::chrono::steady_clock::now() + 1h);
  CHECK_FALSE(HasWork(loop, 1));
  timer.Set(std::chrono::steady_clock::time_point());  // Past.
  CHECK(HasWork(loop, 30'000));
  loop.RunReady();
  CHECK(alarms == 1);
  CHECK_FALSE(HasWork(loop, 1));
}

}  // namespace
}  // namespace metrics::redis
