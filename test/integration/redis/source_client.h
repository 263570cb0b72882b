// A RedisSource with the loop it needs, and threads that read from it all the time.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "metrics/redis/event_loop.h"
#include "test/integration/redis/redis_test.h"
#include "test/support/loop_thread.h"
#include "test/support/recording_observer.h"

namespace test {

template <typename Source>
class SourceClient {
 public:
  template <typename Options>
  explicit SourceClient(Options options) : source(loop, std::move(options), observer) {}

  metrics::redis::Reply Ask(std::initializer_list<std::string_view> words, std::chrono::milliseconds time = kLong) {
    metrics::redis::Batch batch;
    batch.Add(words);
    metrics::redis::Reply reply = Call(source, std::move(batch), std::chrono::steady_clock::now() + time).at(0);
    if (reply.type == metrics::redis::Reply::Type::kUnavailable) throw MetricUnavailableError(reply.kind, reply.text);
    if (reply.type == metrics::redis::Reply::Type::kError) {
      throw MetricUnavailableError(UnavailableKind::kServer, reply.text);
    }
    return reply;
  }
  std::int64_t Length(std::string_view key, std::chrono::milliseconds time = kLong) {
    return Ask({"LLEN", key}, time).integer;
  }

  /// Whether that is read now; an error is not.
  bool Reads(std::string_view key, std::int64_t length) try {
    return Length(key, 1000ms) == length;
  } catch (const MetricUnavailableError&) {
    return false;
  }

  RecordingObserver observer;
  metrics::redis::EventLoop loop;
  LoopThread thread{loop};
  Source source;
};

/// Threads that read one number each, over and over, and say whether it was ever wrong.
class Readers {
 public:
  /// `read` gives whether what it read was right, and throws MetricUnavailableError if it got none.
  void Add(std::function<bool()> read) {
    threads_.emplace_back([this, read = std::move(read)](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        try {
          ++(read() ? right : wrong);
        } catch (const MetricUnavailableError& error) {
          ++errors;
          {
            const std::lock_guard lock(mutex_);
            last_error_ = error.what();
          }
          std::this_thread::sleep_for(1ms);
        }
      }
    });
  }

  std::string last_error() const {
    const std::lock_guard lock(mutex_);
    return last_error_;
  }

  std::atomic<int> right = 0;
  std::atomic<int> wrong = 0;
  std::atomic<int> errors = 0;

 private:
  mutable std::mutex mutex_;
  std::string last_error_;
  std::vector<std::jthread> threads_;
};

}  // namespace test
