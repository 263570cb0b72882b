#include "server/zero/queue_readings.h"

#include <condition_variable>
#include <cstddef>
#include <future>
#include <limits>
#include <memory>
#include <mutex>
#include <utility>
#include <variant>

namespace server::zero {

QueueReading Sum(const std::vector<metrics::MetricSample>& samples) {
  constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
  std::int64_t sum = 0;
  for (const metrics::MetricSample& sample : samples) {
    sum = sample.value > kLargest - sum ? kLargest : sum + sample.value;
  }
  return samples.empty() ? QueueReading{.value = {}, .doubt = "no queue was read"}
                         : QueueReading{.value = sum, .doubt = {}};
}

namespace {

/// For what is not awaited as long: Redis gets all the time it may take, since only such readings are shared with
/// others.
constexpr auto kNoHurry = std::chrono::steady_clock::time_point::max();

/// Readings on their way. Shared with the callbacks, since one may come after the deadline.
struct Arrivals {
  std::mutex mutex;
  std::condition_variable all_arrived;
  std::vector<QueueReading> readings;  // Guarded by mutex.
  std::size_t missing;                 // Guarded by mutex.
};

QueueReading ReadingOf(const metrics::MetricResult& result) {
  if (const auto* samples = std::get_if<std::vector<metrics::MetricSample>>(&result)) {
    return Sum(*samples);
  }
  if (const auto* unknown = std::get_if<metrics::MetricNotFound>(&result)) {
    return {.value = {}, .doubt = unknown->text};
  }
  return {.value = {}, .doubt = std::get<metrics::MetricUnavailable>(result).text};
}

}  // namespace

ReadQueues ReadFrom(metrics::MetricProvider& provider) {
  return [&provider](const std::vector<QueueQuery>& queries, std::chrono::steady_clock::time_point deadline) {
    const auto arrivals = std::make_shared<Arrivals>();
    arrivals->readings.resize(queries.size(), {.value = {}, .doubt = "the value did not come in time"});
    arrivals->missing = queries.size();
    const auto begin = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < queries.size(); ++i) {
      provider.Get({queries[i].ns, queries[i].metric, queries[i].selector, kNoHurry, begin},
                   [arrivals, i](const metrics::MetricResult& result) {
                     const std::lock_guard lock(arrivals->mutex);
                     arrivals->readings[i] = ReadingOf(result);
                     if (--arrivals->missing == 0) {
                       arrivals->all_arrived.notify_one();
                     }
                   });
    }
    std::unique_lock lock(arrivals->mutex);
    arrivals->all_arrived.wait_until(lock, deadline, [&] { return arrivals->missing == 0; });
    return arrivals->readings;
  };
}

ReadHolders ReadHoldersFrom(metrics::MetricProvider& provider) {
  return [&provider](const QueueQuery& query, std::chrono::steady_clock::time_point deadline) -> HoldersReading {
    const auto promise = std::make_shared<std::promise<metrics::HoldersResult>>();
    auto future = promise->get_future();
    provider.GetHolders({query.ns, query.metric, query.selector, kNoHurry, std::chrono::steady_clock::now()},
                        [promise](metrics::HoldersResult result) { promise->set_value(std::move(result)); });
    if (future.wait_until(deadline) != std::future_status::ready) {
      return {.workers = {}, .doubt = "the answer did not come in time"};
    }
    auto result = future.get();
    if (auto* workers = std::get_if<std::vector<std::string>>(&result)) {
      return {.workers = std::move(*workers), .doubt = {}};
    }
    if (auto* unknown = std::get_if<metrics::MetricNotFound>(&result)) {
      return {.workers = {}, .doubt = std::move(unknown->text)};
    }
    return {.workers = {}, .doubt = std::get<metrics::MetricUnavailable>(std::move(result)).text};
  };
}

}  // namespace server::zero
