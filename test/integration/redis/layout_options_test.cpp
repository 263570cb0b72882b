// Every option that a layout has in a configuration, on a real Redis whose keys are only read right with it.
#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "metrics/queue_config.h"
#include "metrics/queue_layouts.h"
#include "test/integration/redis/layout_examples.h"
#include "test/integration/redis/redis_test.h"
#include "test/support/answers.h"
#include "test/support/catch.h"
#include "test/support/redis_server.h"

namespace test {
namespace {

struct OptionExample {
  std::string layout;
  std::string option;
  /// In YAML, with those that it needs to mean something.
  std::string options;
  std::function<void(RedisServer&)> write;
  /// As Show() tells them.
  std::string counts;
};

/// A writer of one job into the list `key`.
std::function<void(RedisServer&)> Push(const std::string& key) {
  return [key](RedisServer& redis) { redis.Command({"RPUSH", key, "job"}); };
}

/// A writer of one job that is due, and of one that is due in an hour.
std::function<void(RedisServer&)> Schedule(const std::string& key, std::int64_t units_per_second) {
  return [=](RedisServer& redis) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now).count();
    const auto score = [=](std::int64_t after_now) { return std::to_string((seconds + after_now) * units_per_second); };
    redis.Command({"ZADD", key, score(-60), "due", score(3600), "later"});
  };
}

/// A worker is noted by a command, and has taken two jobs.
std::function<void(RedisServer&)> Work(const std::array<std::string, 4>& note, const std::string& list) {
  return [=](RedisServer& redis) {
    redis.Command({note[0], note[1], note[2], note[3]});
    redis.Command({"RPUSH", list, "a", "b"});
  };
}

/// Five entries, of which the group has taken one and acknowledged another.
std::function<void(RedisServer&)> Consume(const std::string& group) {
  return [group](RedisServer& redis) {
    for (int i = 1; i <= 5; ++i) redis.Command({"XADD", "q", std::to_string(i), "job", "x"});
    redis.Command({"XGROUP", "CREATE", "q", group, "0"});
    redis.Command({"XREADGROUP", "GROUP", group, "worker", "COUNT", "2", "STREAMS", "q", ">"});
    redis.Command({"XACK", "q", group, "1-0"});
  };
}

std::vector<OptionExample> OptionExamples() {
  constexpr std::int64_t kMilli = 1000;
  constexpr std::int64_t kMicro = 1000 * kMilli;
  constexpr std::int64_t kNano = 1000 * kMicro;
  const std::string no_jobs_in_flight = "waiting 1, in flight 0, delayed 0";
  const std::string scheduled = "waiting 1, in flight 0, delayed 1";
  const std::string taken = "waiting 0, in flight 2";
  return {
      {"reliable-list", "waiting", "waiting: 'in:{queue}'", Push("in:q"), "waiting 1, in flight 0"},
      {"reliable-list", "processing", "processing: ['{queue}:a', 'b']",
       [](RedisServer& redis) {
         redis.Command({"RPUSH", "q:a", "1"});
         redis.Command({"RPUSH", "b", "2", "3"});
       },
       "waiting 0, in flight 3"},
      {"reliable-list", "workers", "workers: 'workers:{queue}'",
       Work({"SADD", "workers:q", "w 1", "idle"}, "q:processing:w 1"), taken},
      {"reliable-list", "workersType", "workers: w, workersType: set",
       Work({"SADD", "w", "1", "idle"}, "q:processing:1"), taken},
      {"reliable-list", "workersType", "workers: w, workersType: sorted-set",
       Work({"ZADD", "w", "9", "1"}, "q:processing:1"), taken},
      {"reliable-list", "workersType", "workers: w, workersType: hash",
       Work({"HSET", "w", "1", "seen"}, "q:processing:1"), taken},
      {"reliable-list", "workerProcessing", "workers: w, workerProcessing: 'busy:{worker}:{queue}'",
       Work({"SADD", "w", "1", "idle"}, "busy:1:q"), taken},
      {"reliable-list", "delayed", "delayed: 'later:{queue}'", Schedule("later:q", 1), scheduled},
      {"reliable-list", "delayedUnit", "delayed: d, delayedUnit: seconds", Schedule("d", 1), scheduled},
      {"reliable-list", "delayedUnit", "delayed: d, delayedUnit: milliseconds", Schedule("d", kMilli), scheduled},
      {"reliable-list", "delayedUnit", "delayed: d, delayedUnit: microseconds", Schedule("d", kMicro), scheduled},
      {"reliable-list", "delayedUnit", "delayed: d, delayedUnit: nanoseconds", Schedule("d", kNano), scheduled},
      {"sorted-set", "due", "due: seconds", Schedule("q", 1), "waiting 1, delayed 1"},
      {"sorted-set", "due", "due: milliseconds", Schedule("q", kMilli), "waiting 1, delayed 1"},
      {"sorted-set", "due", "due: microseconds", Schedule("q", kMicro), "waiting 1, delayed 1"},
      {"sorted-set", "due", "due: nanoseconds", Schedule("q", kNano), "waiting 1, delayed 1"},
      {"stream", "groups", "groups: [mine]", Consume("mine"), "waiting 3, in flight 1"},
      {"celery", "prefix", "prefix: 'app:'", Push("app:q"), no_jobs_in_flight},
      {"celery", "unackedKey", "prefix: 'app:', unackedKey: taken",
       [](RedisServer& redis) {
         redis.Command({"HSET", "app:taken", "1", R"([{"body":"W10=","headers":{"eta":null}},"","q"])"});
       },
       "waiting 0, in flight 1, delayed 0"},
      {"celery", "prioritySteps", "prioritySteps: [0, 7]", Push("q\x06\x16" + std::string("7")), no_jobs_in_flight},
      {"celery", "separator", "separator: '/'", Push("q/9"), no_jobs_in_flight},
      {"rq", "prefix", "prefix: '{rq}'", Push("{rq}:queue:q"), no_jobs_in_flight},
      {"dramatiq", "prefix", "prefix: app",
       [](RedisServer& redis) {
         redis.Command({"RPUSH", "app:q", "a"});
         redis.Command({"HSET", "app:q.msgs", "a", "{}", "b", "{}"});
       },
       "waiting 1, in flight 1, delayed 0"},
      {"sidekiq", "prefix", "prefix: 'app:'", Push("app:queue:q"), no_jobs_in_flight},
      {"resque", "prefix", "prefix: app", Push("app:queue:q"), no_jobs_in_flight},
      {"bullmq", "prefix", "prefix: '{app}'", Push("{app}:q:wait"), no_jobs_in_flight},
      {"bull", "prefix", "prefix: '{app}'", Push("{app}:q:wait"), no_jobs_in_flight},
      {"bee-queue", "prefix", "prefix: app", Push("app:q:waiting"), no_jobs_in_flight},
      {"laravel", "prefix", "prefix: app_", Push("app_queues:q"), no_jobs_in_flight},
      {"laravel", "hashTag", "hashTag: true", Push("laravel-database-queues:{q}"), no_jobs_in_flight},
      {"huey", "priority", "priority: true",
       [](RedisServer& redis) {
         redis.Command({"ZADD", "huey.redis.q", "-5", "task"});
       },
       "waiting 1, delayed 0"},
      {"huey", "cleanName", "cleanName: false, nameInRedis: my-q", Push("huey.redis.my-q"), "waiting 1, delayed 0"},
      {"taskiq-stream", "group", "group: mine", Consume("mine"), "waiting 3, in flight 1"},
  };
}

/// The queue q, kept so.
metrics::ConfiguredQueue Configured(const std::string& layout, const std::string& options) {
  auto parsed = metrics::ParseQueueConfig("queues: [{name: q, layout: " + layout + (options.empty() ? "" : ", ") +
                                          options + "}]");
  if (const auto* problems = std::get_if<std::vector<metrics::ConfigProblem>>(&parsed)) {
    throw std::runtime_error(problems->front().text);
  }
  return std::get<metrics::QueueConfig>(std::move(parsed)).queues.front();
}

/// Without the age, or why it cannot be read.
std::string Counts(Client& client, const metrics::ConfiguredQueue& queue) try {
  metrics::QueueParts parts = queue.layout->Offers();
  parts.oldest_age = parts.holders = false;
  return Show(parts, Read(client, queue.layout, queue.name_in_redis, parts));
} catch (const MetricUnavailableError& error) {
  return error.what();
}

TEST_CASE("an option of a layout makes it read what is kept so", "[redis][layouts]") {
  RedisServer server;
  Client client({.endpoint = server.endpoint(), .timeout = kLong});
  std::set<std::string> shown;
  for (const OptionExample& example : OptionExamples()) {
    INFO(example.layout << ": " << example.options);
    shown.insert(example.layout + " " + example.option);
    server.Command({"FLUSHALL"});
    example.write(server);
    CHECK(Counts(client, Configured(example.layout, example.options)) == example.counts);
    // What is not the default is not read right by the default.
    const bool is_default = example.options.ends_with("Type: set") || example.options.ends_with("Unit: seconds");
    if (!is_default) CHECK(Counts(client, Configured(example.layout, "")) != example.counts);
  }
  for (const metrics::LayoutKind& kind : metrics::LayoutKinds()) {
    for (const metrics::LayoutOption& option : kind.options) {
      CHECK(shown.contains(std::string(kind.name) + " " + std::string(option.name)));
    }
  }
}

}  // namespace
}  // namespace test
