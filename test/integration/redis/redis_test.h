// What the tests of the Redis side have in common.
#pragma once

#include <chrono>
#include <exception>
#include <future>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/layouts/by_type.h"
#include "metrics/metric_provider.h"
#include "metrics/queue_metric_provider.h"
#include "metrics/queue_reader.h"
#include "metrics/redis/event_loop.h"
#include "metrics/redis/redis_connection.h"
#include "test/support/eventually.h"
#include "test/support/loop_thread.h"
#include "test/support/recording_observer.h"

namespace test {

using namespace std::chrono_literals;
using metrics::MetricUnavailableError;
using metrics::UnavailableKind;

/// For what must happen: nothing waits this long unless it is broken.
constexpr auto kLong = 30'000ms;
/// For a silence that must be noticed: the shorter, the faster the test, but nobody else may be as slow.
constexpr auto kShort = 1000ms;
constexpr auto kNoAnswerWithinShort = "no answer within 1000 ms";

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

/// What comes of an operation, which is given the callback to call; thrown if it is an error.
template <typename Value, typename Start>
Value Await(Start start) {
  using Outcome = std::variant<Value, metrics::MetricUnavailable>;
  // Shared, because the waiter may be gone before set_value() has returned.
  const auto promise = std::make_shared<std::promise<Outcome>>();
  start([promise](Outcome outcome) { promise->set_value(std::move(outcome)); });
  Outcome outcome = promise->get_future().get();
  if (const auto* error = std::get_if<metrics::MetricUnavailable>(&outcome)) {
    throw MetricUnavailableError(error->kind, error->text);
  }
  return std::get<Value>(std::move(outcome));
}

/// One reply for each command.
inline std::vector<metrics::redis::Reply> Call(metrics::redis::RedisSource& source, metrics::redis::Batch batch,
                                               std::chrono::steady_clock::time_point deadline) {
  return Await<std::vector<metrics::redis::Reply>>(
      [&](auto callback) { source.Send(std::move(batch), deadline, std::move(callback)); });
}

/// A connection with the loop it needs.
class Client {
 public:
  explicit Client(metrics::redis::RedisOptions options) : connection(loop, std::move(options), observer) {}

  metrics::redis::Reply Ask(std::initializer_list<std::string_view> words, std::chrono::milliseconds time = kLong) {
    metrics::redis::Batch batch;
    batch.Add(words);
    return Call(connection, std::move(batch), std::chrono::steady_clock::now() + time).at(0);
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
  LoopThread thread{loop};
  metrics::redis::RedisConnection connection;
};

/// How many jobs wait in each of the keys `names`, read by their types; throws if that of one cannot be known.
inline std::vector<std::int64_t> ReadQueues(Client& client, const std::vector<std::string>& names) {
  metrics::QueueReader reader(client.observer);
  std::vector<metrics::QueueQuestion> questions;
  for (const std::string& name : names) {
    questions.push_back({&client.connection, std::make_shared<metrics::layouts::ByType>(), name, {.waiting = true}});
  }
  std::promise<std::vector<metrics::QueueOutcome>> outcomes;
  reader.Read(std::move(questions), std::chrono::steady_clock::now() + kLong,
              [&outcomes](std::vector<metrics::QueueOutcome> read) { outcomes.set_value(std::move(read)); });
  std::vector<std::int64_t> counts;
  for (const metrics::QueueOutcome& outcome : outcomes.get_future().get()) {
    if (const auto* error = std::get_if<metrics::MetricUnavailable>(&outcome)) {
      throw MetricUnavailableError(error->kind, error->text);
    }
    counts.push_back(std::get<metrics::QueueReading>(outcome).counts.waiting);
  }
  return counts;
}

}  // namespace test
