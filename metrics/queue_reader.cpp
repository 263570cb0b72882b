#include "metrics/queue_reader.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>

#include "metrics/metric_provider.h"

namespace metrics {
namespace {

/// One queue on its way to a reading.
struct Reading {
  const Queue* queue;
  QueueRead read;
  std::vector<redis::Reply> replies;
  std::size_t owed;  // Replies of the round under way.
  std::optional<QueueCounts> counts;
};

/// What the layout makes of the replies so far; adds what it asks next to `batch`.
void Count(Reading& reading, redis::Batch& batch, const std::string& subject) {
  const std::size_t before = batch.size();
  try {
    reading.counts = reading.queue->configured->layout->Count(reading.read, reading.replies, batch);
  } catch (const MetricUnavailableError& error) {
    throw MetricUnavailableError(error.kind(), subject + ": " + error.what());
  }
  reading.owed = batch.size() - before;
}

}  // namespace

std::vector<QueueReading> QueueReader::Read(const std::vector<Queue>& queues,
                                            std::chrono::steady_clock::time_point deadline) try {
  const auto latest = std::min(deadline, std::chrono::steady_clock::now() + connection_.timeout());
  const auto now = std::chrono::system_clock::now();
  std::vector<Reading> unfinished;
  unfinished.reserve(queues.size());
  redis::Batch batch;
  for (const Queue& queue : queues) {
    Reading& reading = unfinished.emplace_back(Reading{&queue, {queue.name_in_redis, queue.wanted, now}, {}, 0, {}});
    const std::size_t before = batch.size();
    queue.configured->layout->Ask(reading.read, batch);
    reading.owed = batch.size() - before;
  }
  while (batch.size() > 0) {
    std::vector<redis::Reply> replies = connection_.Call(std::exchange(batch, {}), latest);
    auto next = std::make_move_iterator(replies.begin());
    for (Reading& reading : unfinished) {
      if (reading.counts) continue;
      reading.replies.insert(reading.replies.end(), next, next + static_cast<std::ptrdiff_t>(reading.owed));
      next += static_cast<std::ptrdiff_t>(reading.owed);
      Count(reading, batch, connection_.subject());
    }
  }
  const auto timestamp = std::chrono::system_clock::now();
  std::vector<QueueReading> readings;
  readings.reserve(unfinished.size());
  for (const Reading& reading : unfinished) readings.push_back({*reading.counts, timestamp});
  return readings;
} catch (const MetricUnavailableError& error) {
  observer_.OnError(connection_.name(), error.kind(), error.what());
  throw;
}

}  // namespace metrics
