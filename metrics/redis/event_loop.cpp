#include "metrics/redis/event_loop.h"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

namespace metrics::redis {
namespace {

/// Throws the failure of the system call that returned `result`.
int Checked(int result, const char* call) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), call);
  return result;
}

/// Resets an eventfd or a timerfd.
void Drain(int fd) {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto size = ::read(fd, &count, sizeof count);
}

}  // namespace

EventLoop::EventLoop()
    : epoll_(Checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      wake_(Checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
      on_wake_([this](std::uint32_t) { Drain(wake_.get()); }) {
  Watch(wake_.get(), EPOLLIN, on_wake_);
}

void EventLoop::RunReady() {
  constexpr int kMost = 16;  // Then others get their turn.
  const std::lock_guard on_loop(running_);
  runner_ = std::this_thread::get_id();
  RunTasks();
  // One event at a time: a handler may end another watch, and then no event of that is left to be delivered.
  epoll_event event{};
  for (int i = 0; i < kMost && ::epoll_wait(epoll_.get(), &event, 1, 0) == 1; ++i) {
    (*static_cast<Handler*>(event.data.ptr))(event.events);
    RunTasks();
  }
}

void EventLoop::Watch(int fd, std::uint32_t events, Handler& handler) {
  epoll_event event{.events = events, .data = {.ptr = &handler}};
  Checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

void EventLoop::ChangeWatch(int fd, std::uint32_t events, Handler& handler) {
  epoll_event event{.events = events, .data = {.ptr = &handler}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void EventLoop::Unwatch(int fd) { ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

void EventLoop::Post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  if (!RunsHere()) Wake();
}

void EventLoop::RunAndWait(const std::function<void()>& task) {
  const std::lock_guard on_loop(running_);
  RunTasks();
  task();
}

void EventLoop::RunTasks() {
  for (;;) {
    std::vector<std::function<void()>> tasks;
    {
      const std::lock_guard lock(mutex_);
      tasks.swap(tasks_);
    }
    if (tasks.empty()) return;
    for (const auto& task : tasks) task();
  }
}

void EventLoop::Wake() const {
  const std::uint64_t one = 1;
  // Fails only if it was done so often that the loop will wake anyway.
  [[maybe_unused]] const auto size = ::write(wake_.get(), &one, sizeof one);
}

Timer::Timer(EventLoop& loop, std::function<void()> on_alarm)
    : loop_(loop),
      fd_(Checked(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd_create")),
      on_expiry_([this, alarm = std::move(on_alarm)](std::uint32_t) {
        Drain(fd_.get());
        alarm();
      }) {
  loop_.Watch(fd_.get(), EPOLLIN, on_expiry_);
}

Timer::~Timer() { loop_.Unwatch(fd_.get()); }

void Timer::Set(std::chrono::steady_clock::time_point when) const {
  using std::chrono::nanoseconds, std::chrono::seconds;
  // steady_clock is CLOCK_MONOTONIC. All zeros would disarm the timer; 1 ns is past as well.
  const auto since_boot = std::max<nanoseconds>(when.time_since_epoch(), nanoseconds{1});
  const auto whole = std::chrono::duration_cast<seconds>(since_boot);
  itimerspec spec{};
  spec.it_value.tv_sec = whole.count();
  spec.it_value.tv_nsec = (since_boot - whole).count();
  ::timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
}

}  // namespace metrics::redis
