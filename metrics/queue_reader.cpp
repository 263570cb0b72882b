#include "metrics/queue_reader.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include "metrics/metric_provider.h"

namespace metrics {
namespace {

QueueCounts Count(const Queue& queue, std::span<const redis::Reply> replies, const std::string& subject) {
  try {
    return queue.layout->Count(queue.name, replies);
  } catch (const MetricUnavailableError& error) {
    throw MetricUnavailableError(error.kind(), subject + ": " + error.what());
  }
}

}  // namespace

std::vector<QueueReading> QueueReader::Read(const std::vector<Queue>& queues,
                                            std::chrono::steady_clock::time_point deadline) try {
  redis::Batch batch;
  std::vector<std::size_t> ends;  // Of each queue's replies.
  ends.reserve(queues.size());
  for (const Queue& queue : queues) {
    queue.layout->Ask(queue.name, batch);
    ends.push_back(batch.size());
  }
  const auto latest = std::chrono::steady_clock::now() + connection_.options().timeout;
  const std::vector<redis::Reply> replies = connection_.Call(std::move(batch), std::min(deadline, latest));
  const auto timestamp = std::chrono::system_clock::now();
  std::vector<QueueReading> readings;
  readings.reserve(queues.size());
  std::size_t begin = 0;
  for (std::size_t i = 0; i < queues.size(); ++i) {
    const auto own = std::span(replies).subspan(begin, ends[i] - begin);
    readings.push_back({Count(queues[i], own, connection_.subject()), timestamp});
    begin = ends[i];
  }
  return readings;
} catch (const MetricUnavailableError& error) {
  observer_.OnError(connection_.options().name, error.kind(), error.what());
  throw;
}

}  // namespace metrics
