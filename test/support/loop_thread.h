// A thread for an EventLoop, which in the server is run by the listener.
#pragma once

#include <stop_token>
#include <thread>

#include <poll.h>

#include "metrics/redis/event_loop.h"

namespace test {

class LoopThread {
 public:
  /// `loop` must outlive the thread.
  explicit LoopThread(metrics::redis::EventLoop& loop)
      : thread_([&loop](const std::stop_token& stop) {
          const std::stop_callback wake_to_stop(stop, [&loop] { loop.Post([] {}); });
          while (!stop.stop_requested()) {
            pollfd ready{.fd = loop.fd(), .events = POLLIN, .revents = 0};
            ::poll(&ready, 1, -1);
            loop.RunReady();
          }
        }) {}

 private:
  std::jthread thread_;
};

}  // namespace test
