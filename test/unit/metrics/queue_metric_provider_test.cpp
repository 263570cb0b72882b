#include "metrics/queue_metric_provider.h"

#include <future>

#include "metrics/queue_config.h"
#include "metrics/queue_layouts.h"
#include "test/support/catch.h"
#include "test/support/loop_thread.h"
#include "test/support/recording_observer.h"

namespace metrics {
namespace {

TEST_CASE("what the configuration makes up for a queue that cannot be read says that it is made up") {
  const redis::RedisEndpoint nobody{.port = 1};
  test::RecordingObserver observer;
  redis::EventLoop loop;
  const test::LoopThread thread(loop);
  QueueMetricProvider provider(loop, observer, [&nobody](const SourceConfig& source) {
    return redis::RedisOptions{.endpoint = nobody, .timeout = std::chrono::seconds(30), .name = source.name};
  });
  QueueConfig config = ConfigOfEveryKey(*FindLayoutKind("list"), {});
  config.queues.front().settings.on_error.value = 3;
  config.sources.push_back({.name = std::string(kDefaultSource), .servers = nobody, .credentials = {}, .tls = {}});
  provider.Use(std::move(config));
  const auto get = [&provider](std::chrono::steady_clock::time_point not_before) {
    std::promise<MetricResult> promise;
    provider.Get({.ns = "ns",
                  .metric = "redis_queue_length",
                  .selector = LabelSelector::Parse("queue=jobs"),
                  .deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30),
                  .not_before = not_before},
                 [&promise](MetricResult result) { promise.set_value(std::move(result)); });
    return promise.get_future().get();
  };
  const auto samples = std::get<std::vector<MetricSample>>(get(std::chrono::steady_clock::time_point::min()));
  REQUIRE(samples.size() == 1);
  CHECK(samples[0].value == 3);
  CHECK(std::holds_alternative<MetricUnavailable>(get(std::chrono::steady_clock::now())));
}

}  // namespace
}  // namespace metrics
