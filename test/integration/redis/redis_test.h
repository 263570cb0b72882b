// What the tests of the Redis side have in common.
#pragma once

#include <chrono>
#include <exception>
#include <future>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "metrics/layouts/by_type.h"
#include "metrics/metric_provider.h"
#include "metrics/queue_metric_provider.h"
#include "metrics/queue_reader.h"
#include "metrics/redis/event_loop.h"
#include "metrics/redis/redis_connection.h"
#include "test/support/recording_observer.h"

namespace test {

using namespace std::chrono_literals;
using metrics::MetricUnavailableError;
using metrics::UnavailableKind;

/// For what must happen: nothing waits this long unless it is broken.
constexpr auto kLong = 30'000ms;
/// For a silence that must be noticed: the shorter, the faster the test.
constexpr auto kShort = 200ms;

template <typename Condition>
bool Eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + kLong;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

/// The error that `action` ends with; a text that no test expects if there is none.
template <typename Action>
MetricUnavailableError ErrorOf(Action action) {
  try {
    action();
  } catch (const MetricUnavailableError& error) {
    return error;
  }
  return {UnavailableKind::kServer, "no error at all"};
}

/// A connection with the loop it needs.
class Client {
 public:
  explicit Client(metrics::redis::RedisOptions options) : connection(loop, std::move(options), observer) {}

  metrics::redis::Reply Ask(std::initializer_list<std::string_view> words, std::chrono::milliseconds time = kLong) {
    metrics::redis::Batch batch;
    batch.Add(words);
    return connection.Call(std::move(batch), std::chrono::steady_clock::now() + time).at(0);
  }
  std::int64_t Length(std::string_view key, std::chrono::milliseconds time = kLong) {
    return Ask({"LLEN", key}, time).integer;
  }
  MetricUnavailableError ErrorOfLength(std::chrono::milliseconds time = kLong) {
    return ErrorOf([&] { Length("q", time); });
  }

  bool IsUp() const { return connection.status().up; }
  std::string Cause() const { return connection.status().cause; }

  RecordingObserver observer;
  metrics::redis::EventLoop loop;
  metrics::redis::RedisConnection connection;
};

/// How many jobs wait in each of the keys `names`, read by their types.
inline std::vector<metrics::QueueOutcome> ReadQueues(Client& client, const std::vector<std::string>& names) {
  metrics::QueueReader reader(client.observer);
  std::vector<metrics::QueueQuestion> questions;
  for (const std::string& name : names) {
    questions.push_back({&client.connection, std::make_shared<metrics::layouts::ByType>(), name, {.waiting = true}});
  }
  std::promise<std::vector<metrics::QueueOutcome>> outcomes;
  reader.Read(std::move(questions), std::chrono::steady_clock::now() + kLong,
              [&outcomes](std::vector<metrics::QueueOutcome> read) { outcomes.set_value(std::move(read)); });
  return outcomes.get_future().get();
}

/// The same of one; throws if that cannot be known.
inline std::int64_t WaitingIn(Client& client, const std::string& name) {
  const auto outcome = ReadQueues(client, {name}).at(0);
  if (const auto* error = std::get_if<metrics::MetricUnavailable>(&outcome)) {
    throw MetricUnavailableError(error->kind, error->text);
  }
  return std::get<metrics::QueueReading>(outcome).counts.waiting;
}

/// The metrics of a server without configuration: every key of one Redis is a queue.
class Provider {
 public:
  Provider(metrics::redis::RedisOptions options, metrics::redis::RedisObserver& observer)
      : provider_(loop_, observer, [options](const metrics::SourceConfig&) { return options; }) {
    auto config = metrics::ConfigOfEveryKey(*metrics::FindLayoutKind("by-type"), {});
    config.sources.push_back(
        {.name = std::string(metrics::kDefaultSource), .servers = options.endpoint, .credentials = {}, .tls = {}});
    provider_.Use(std::move(config));
  }

  std::vector<metrics::MetricSample> Get(const metrics::MetricQuery& query) { return provider_.Get(query); }
  metrics::redis::SourceStatus RedisStatus() const { return provider_.Sources().at(0).second; }

 private:
  metrics::redis::EventLoop loop_;
  metrics::QueueMetricProvider provider_;
};

}  // namespace test
