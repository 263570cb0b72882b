#include "server/zero/queue_readings.h"

#include <exception>
#include <limits>
#include <utility>

namespace server::zero {

QueueReading Sum(const std::vector<metrics::MetricSample>& samples, std::chrono::system_clock::time_point begin) {
  constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
  std::int64_t sum = 0;
  for (const metrics::MetricSample& sample : samples) {
    if (sample.timestamp < begin) {
      return {.value = {}, .doubt = "the value was read before it was asked for"};
    }
    sum = sample.value > kLargest - sum ? kLargest : sum + sample.value;
  }
  return samples.empty() ? QueueReading{.value = {}, .doubt = "no queue was read"}
                         : QueueReading{.value = sum, .doubt = {}};
}

ReadQueues ReadFrom(metrics::MetricProvider& provider) {
  return [&provider](const std::vector<QueueQuery>& queries, std::chrono::steady_clock::time_point deadline) {
    std::vector<QueueReading> readings;
    readings.reserve(queries.size());
    for (const QueueQuery& query : queries) {
      const auto begin = std::chrono::system_clock::now();
      try {
        readings.push_back(Sum(provider.Get({query.ns, query.metric, query.selector, deadline}), begin));
      } catch (const std::exception& error) {
        readings.push_back({.value = {}, .doubt = error.what()});
      }
    }
    return readings;
  };
}

ReadHolders ReadHoldersBy(std::function<std::vector<std::string>(const metrics::MetricQuery& query)> holders) {
  return [holders = std::move(holders)](const QueueQuery& query, std::chrono::steady_clock::time_point deadline) {
    try {
      return HoldersReading{.workers = holders({query.ns, query.metric, query.selector, deadline}), .doubt = {}};
    } catch (const std::exception& error) {
      return HoldersReading{.workers = {}, .doubt = error.what()};
    }
  };
}

}  // namespace server::zero
