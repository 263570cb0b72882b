// A RedisObserver that remembers what it was told.
#pragma once

#include <algorithm>
#include <mutex>
#include <string>
#include <vector>

#include "metrics/redis/redis_observer.h"

namespace test {

class RecordingObserver final : public metrics::redis::RedisObserver {
 public:
  struct Error {
    std::string source;
    std::string queues;
    metrics::UnavailableKind kind;
    std::string cause;
  };
  struct Change {
    std::string source;
    bool up;
    std::string cause;
  };

  void OnRoundTrip(std::string_view, std::chrono::nanoseconds duration) override {
    const std::lock_guard lock(mutex_);
    round_trips_.push_back(duration);
  }
  void OnError(std::string_view source, std::string_view queues, metrics::UnavailableKind kind,
               std::string_view cause) override {
    const std::lock_guard lock(mutex_);
    errors_.push_back({std::string(source), std::string(queues), kind, std::string(cause)});
  }
  void OnConnectionChange(std::string_view source, bool up, std::string_view cause) override {
    const std::lock_guard lock(mutex_);
    changes_.push_back({std::string(source), up, std::string(cause)});
  }

  std::vector<std::chrono::nanoseconds> round_trips() const { return Copy(round_trips_); }
  std::vector<Error> errors() const { return Copy(errors_); }
  std::vector<Change> changes() const { return Copy(changes_); }

  /// Whether that is the last that was told, of `source`.
  bool ToldUp(const std::string& source) const {
    const auto all = changes();
    return !all.empty() && all.back().up && all.back().source == source;
  }

  /// The causes of all changes after the source was up for the first time, of which each is one too many for a source
  /// that was never lost. It may have been told to be down before, when it took long to come up.
  std::string Losses() const {
    const auto all = changes();
    const auto up = std::find_if(all.begin(), all.end(), [](const Change& change) { return change.up; });
    std::string losses;
    for (auto change = up; change != all.end(); ++change) {
      if (change != up) losses += change->up ? "up again; " : change->cause + "; ";
    }
    return losses;
  }

 private:
  template <typename T>
  T Copy(const T& events) const {
    const std::lock_guard lock(mutex_);
    return events;
  }

  mutable std::mutex mutex_;
  std::vector<std::chrono::nanoseconds> round_trips_;
  std::vector<Error> errors_;
  std::vector<Change> changes_;
};

}  // namespace test
