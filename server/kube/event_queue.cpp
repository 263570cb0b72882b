#include "server/kube/event_queue.h"

#include <chrono>

namespace server::kube {
namespace {

// Nobody waits for an event, but others wait behind it.
constexpr std::chrono::seconds kPatience{1};

}  // namespace

EventQueue::EventQueue(std::shared_ptr<Api> api, std::string component, std::string instance, OnLost on_lost)
    : recorder_(std::move(api), std::move(component), std::move(instance)),
      on_lost_(std::move(on_lost)),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

void EventQueue::Add(ObjectReference about, EventText text) {
  {
    const std::lock_guard lock(mutex_);
    if (events_.size() < kMost) {
      events_.emplace_back(std::move(about), std::move(text));
      changed_.notify_one();
      return;
    }
  }
  on_lost_("too many events wait to be written");
}

void EventQueue::Run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return !events_.empty(); }) && !stop.stop_requested()) {
    const auto [about, text] = std::move(events_.front());
    events_.pop_front();
    lock.unlock();
    try {
      recorder_.Record(about, text, std::chrono::system_clock::now(), std::chrono::steady_clock::now() + kPatience,
                       stop);
    } catch (const std::exception& error) {
      if (!stop.stop_requested()) {
        on_lost_(error.what());
      }
    }
    lock.lock();
  }
}

}  // namespace server::kube
