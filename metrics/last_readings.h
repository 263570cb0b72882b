// Remembers what queues held when they were last read, for those whose configuration allows to answer that once more.
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <map>
#include <mutex>
#include <optional>

#include "metrics/queue_reader.h"

namespace metrics {

/// Safe to call from several threads at once.
class LastReadings {
 public:
  /// Names that fit a pattern come from clients, so there is a limit; beyond it the oldest is forgotten.
  static constexpr std::size_t kMost = 20'000;

  void Remember(const QueueQuestion& question, const QueueReading& reading);

  /// Nothing if there is none that is not older than `max_age`.
  std::optional<QueueReading> Find(const QueueQuestion& question, std::chrono::nanoseconds max_age) const;

  /// For a source that ends: another one might have its address.
  void Forget(const redis::RedisSource& source);

 private:
  struct Entry {
    QueueReading reading;
    std::chrono::steady_clock::time_point at;  // Whatever becomes of the system's clock.
    std::list<QueueQuestion>::iterator place;
  };

  mutable std::mutex mutex_;
  std::map<QueueQuestion, Entry> entries_;  // Guarded by mutex_.
  std::list<QueueQuestion> by_age_;         // Guarded by mutex_. The oldest first.
};

}  // namespace metrics
