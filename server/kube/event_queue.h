// Events for those who have no time to write them.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "server/kube/api.h"
#include "server/kube/event_recorder.h"

namespace server::kube {

/// Writes events in the order in which they came, in a thread of its own. Those that wait when it ends are lost.
class EventQueue {
 public:
  /// More than this do not wait; what comes then is lost.
  static constexpr std::size_t kMost = 1000;

  /// Called from any thread, with what became of an event that was lost. Must not throw.
  using OnLost = std::function<void(std::string_view cause)>;

  /// `component` and `instance` are those of an EventRecorder.
  EventQueue(std::shared_ptr<Api> api, std::string component, std::string instance, OnLost on_lost);
  EventQueue(const EventQueue&) = delete;
  EventQueue& operator=(const EventQueue&) = delete;
  ~EventQueue() = default;

  /// Never blocks. Any thread.
  void Add(ObjectReference about, EventText text);

 private:
  void Run(const std::stop_token& stop);

  EventRecorder recorder_;
  const OnLost on_lost_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::pair<ObjectReference, EventText>> events_;  // Guarded by mutex_.

  std::jthread thread_;  // Last, so that it ends first.
};

}  // namespace server::kube
