// Queues read from a real Redis, from the selector down to the number.
#include <algorithm>
#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "metrics/label_selector.h"
#include "metrics/queue_config.h"
#include "metrics/redis/redis_connection.h"
#include "test/integration/redis/redis_test.h"
#include "test/support/catch.h"
#include "test/support/redis_server.h"

namespace test {
namespace {

using metrics::LabelSelector;
using metrics::MetricSample;
using namespace std::string_literals;

metrics::MetricQuery Query(const std::string& selector) {
  return {.ns = "jobs",
          .metric = "redis_queue_length",
          .selector = LabelSelector::Parse(selector),
          .deadline = std::chrono::steady_clock::now() + kLong};
}

/// A provider with the loop it needs.
class Provider {
 public:
  Provider(const RedisServer& server, RecordingObserver& observer, std::string_view layout = "by-type")
      : Provider(server, observer, metrics::ConfigOfEveryKey(*metrics::FindLayoutKind(layout), {})) {}

  Provider(const RedisServer& server, RecordingObserver& observer, metrics::QueueConfig config)
      : provider_(loop_, observer, [&server](const metrics::SourceConfig& source) {
          return metrics::redis::RedisOptions{.endpoint = server.endpoint(), .timeout = kLong, .name = source.name};
        }) {
    config.sources.push_back(
        {.name = std::string(metrics::kDefaultSource), .servers = server.endpoint(), .credentials = {}, .tls = {}});
    provider_.Use(std::move(config));
  }

  std::vector<MetricSample> Get(const metrics::MetricQuery& query) {
    return Await<std::vector<MetricSample>>([&](auto callback) {
      provider_.Get(query, [callback](metrics::MetricResult result) {
        if (auto* error = std::get_if<metrics::MetricUnavailable>(&result)) return callback(std::move(*error));
        callback(std::get<std::vector<MetricSample>>(std::move(result)));
      });
    });
  }

  /// Or why nobody knows them.
  std::vector<std::string> GetHolders(const metrics::MetricQuery& query) {
    return Await<std::vector<std::string>>([&](auto callback) {
      provider_.GetHolders(query, [callback](metrics::HoldersResult result) {
        if (auto* error = std::get_if<metrics::MetricUnavailable>(&result)) return callback(std::move(*error));
        if (auto* unknown = std::get_if<metrics::MetricNotFound>(&result)) return callback(std::vector{unknown->text});
        callback(std::get<std::vector<std::string>>(std::move(result)));
      });
    });
  }

  metrics::redis::SourceStatus RedisStatus() const { return provider_.Sources().at(0).second; }

 private:
  metrics::redis::EventLoop loop_;
  LoopThread thread_{loop_};
  metrics::QueueMetricProvider provider_;
};

/// "emails=3 images=0".
std::string Show(const std::vector<MetricSample>& samples) {
  std::string text;
  for (const MetricSample& sample : samples) {
    if (!text.empty()) text += ' ';
    text += sample.labels.at("queue") + "=" + std::to_string(sample.value);
  }
  return text;
}

void Fill(RedisServer& server) {
  server.Command({"RPUSH", "list", "a", "b", "c"});
  server.Command({"SADD", "set", "a", "b"});
  server.Command({"ZADD", "zset", "1", "a", "2", "b", "3", "c", "4", "d"});
  server.Command({"HSET", "hash", "a", "1"});
  for (int i = 0; i < 5; ++i) server.Command({"XADD", "stream", "*", "a", "1"});
  server.Command({"SET", "string", "7"});
  server.Command({"PFADD", "hyperloglog", "a"});
}

TEST_CASE("a queue is as long as its key, whatever the type", "[redis]") {
  RedisServer server;
  Fill(server);
  RecordingObserver observer;
  Provider provider(server, observer);

  const auto before = std::chrono::system_clock::now();
  CHECK(Show(provider.Get(Query("queue=list"))) == "list=3");
  CHECK(Show(provider.Get(Query("queue=set"))) == "set=2");
  CHECK(Show(provider.Get(Query("queue=zset"))) == "zset=4");
  CHECK(Show(provider.Get(Query("queue=hash"))) == "hash=1");
  CHECK(Show(provider.Get(Query("queue=stream"))) == "stream=5");
  CHECK(Show(provider.Get(Query("queue=nobody-has-used-it"))) == "nobody-has-used-it=0");
  const auto samples = provider.Get(Query("queue in (stream,list,hash,absent,set,zset)"));
  CHECK(Show(samples) == "absent=0 hash=1 list=3 set=2 stream=5 zset=4");
  for (const MetricSample& sample : samples) {
    CHECK(sample.labels.size() == 1);
    CHECK(sample.timestamp >= before);
    CHECK(sample.timestamp <= std::chrono::system_clock::now());
  }

  CHECK(provider.RedisStatus() == metrics::redis::SourceStatus{.up = true});
  CHECK(observer.round_trips().size() == 2 * 1 + 5 * 2);  // What is a list, or nothing, takes one.
  CHECK(observer.errors().empty());
  REQUIRE(observer.changes().size() == 1);
  CHECK(observer.changes()[0].up);
  CHECK(observer.changes()[0].source == "default");
}

TEST_CASE("who holds the jobs of queues is known, in doubt, or nobody's business", "[redis]") {
  RedisServer server;
  for (const std::string queue : {"a", "b"}) {
    server.Command({"SADD", "rq:workers:" + queue, "rq:worker:of-" + queue});
    server.Command({"HSET", "rq:worker:of-" + queue, "hostname", "pod-" + queue, "state", "busy"});
  }
  RecordingObserver observer;
  Provider rq(server, observer, "rq");
  CHECK(rq.GetHolders(Query("queue in (a,b)")) == std::vector<std::string>{"pod-a", "pod-b"});
  CHECK(rq.GetHolders(Query("queue=idle")).empty());
  Provider plain(server, observer, "list");
  CHECK(plain.GetHolders(Query("queue=a")) ==
        std::vector<std::string>{R"(the layout list of the queue "a" cannot tell who has taken its jobs)"});
  server.Command({"DEL", "rq:workers:b"});
  server.Command({"SET", "rq:workers:b", "not a set"});
  CHECK(ErrorOf([&] { rq.GetHolders(Query("queue in (a,b)")); }).kind() == UnavailableKind::kWrongType);
}

TEST_CASE("who holds the jobs of a pattern's queues is asked of all that its registry names", "[redis]") {
  RedisServer server;
  server.Command({"SADD", "rq:queues", "rq:queue:a", "rq:queue:b"});
  server.Command({"SADD", "rq:workers:b", "rq:worker:of-b"});
  server.Command({"HSET", "rq:worker:of-b", "hostname", "pod-b", "state", "busy"});
  RecordingObserver observer;
  const std::string yaml = R"(
queues:
  - {name: a, layout: rq, labels: {team: red}}
  - {pattern: '*', layout: rq, labels: {team: red}}
)";
  Provider provider(server, observer,
                    std::get<metrics::QueueConfig>(metrics::ParseQueueConfig(yaml, metrics::RedisInFile::kMustNot)));
  CHECK(provider.GetHolders(Query("team=red")) == std::vector<std::string>{"pod-b"});
}

TEST_CASE("a key that is no queue is an error, and spoils the answer it is part of but no other", "[redis]") {
  RedisServer server;
  Fill(server);
  RecordingObserver observer;
  Provider provider(server, observer);

  const auto selector = GENERATE(values<std::string>({"queue=string", "queue in (list,set,string)"}));
  const auto error = ErrorOf([&] { provider.Get(Query(selector)); });
  CHECK(error.kind() == UnavailableKind::kWrongType);
  CHECK(error.what() == "Redis at 127.0.0.1:" + std::to_string(server.port()) +
                            R"(: the key "string" holds a string, not a list, set, sorted set, hash or stream)");
  CHECK(ErrorOf([&] { provider.Get(Query("queue=hyperloglog")); }).kind() == UnavailableKind::kWrongType);
  CHECK(Show(provider.Get(Query("queue=list"))) == "list=3");

  REQUIRE(observer.errors().size() == 2);
  CHECK(observer.errors()[0].kind == UnavailableKind::kWrongType);
  CHECK(observer.errors()[0].queues == "string");
  CHECK(observer.errors()[0].cause == error.what());
}

TEST_CASE("a queue may have any name", "[redis]") {
  RedisServer server;
  Client client({.endpoint = server.endpoint(), .timeout = kLong});

  std::string all_bytes;
  for (int i = 0; i < 256; ++i) all_bytes += static_cast<char>(i);
  std::vector<std::string> names;
  for (const auto& name : {"a b"s, "\r\nQUIT\r\n"s, "\0"s, "{celery}:\x06\x16\x33"s, "größe"s, all_bytes, ""s,
                           std::string(100'000, 'x')}) {
    for (std::size_t i = 0; i <= names.size(); ++i) server.Command({"RPUSH", name, "job"});
    names.push_back(name);
  }
  const auto counts = ReadQueues(client, names);
  REQUIRE(counts.size() == names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    INFO(i);
    CHECK(counts[i] == static_cast<std::int64_t>(i) + 1);
  }
}

TEST_CASE("a thousand queues are read in one round trip, by many threads at once", "[redis]") {
  RedisServer server;
  std::string selector = "queue in (q0";
  std::string expected;
  std::vector<std::string> names;
  for (int i = 0; i < 1000; ++i) names.push_back("q" + std::to_string(i));
  for (std::size_t i = 0; i < names.size(); i += 7) server.Command({"RPUSH", names[i], "job"});
  for (const std::string& name : names) selector += "," + name;
  selector += ")";
  RecordingObserver observer;
  Provider provider(server, observer);

  std::vector<std::int64_t> sums(8);
  {
    std::vector<std::jthread> threads;
    for (auto& sum : sums) {
      threads.emplace_back([&provider, &selector, &sum] {
        for (int i = 0; i < 5; ++i) {
          for (const auto& sample : provider.Get(Query(selector))) sum += sample.value;
        }
      });
    }
  }
  for (const std::int64_t sum : sums) CHECK(sum == 5 * 143);
  CHECK(observer.round_trips().size() <= 40);  // Equal reads at the same time share one.
}

TEST_CASE("Redis can be reached on a unix socket, by IPv6 and in another database", "[redis]") {
  RedisServer server;
  server.Command({"RPUSH", "q", "a"});
  server.Command({"SELECT", "5"});
  server.Command({"RPUSH", "q", "a", "b"});

  Client unix_socket({.endpoint = {.unix_path = server.unix_path()}, .timeout = kLong});
  CHECK(unix_socket.Length("q") == 1);
  CHECK(unix_socket.connection.subject() == "Redis at " + server.unix_path());

  Client other_database({.endpoint = {.port = server.port(), .database = 5}, .timeout = kLong});
  CHECK(other_database.Length("q") == 2);

  Client no_database({.endpoint = {.port = server.port(), .database = 16}, .timeout = kLong});
  const auto error = no_database.ErrorOfLength();
  CHECK(error.kind() == UnavailableKind::kServer);
  CHECK_THAT(error.what(), ContainsText(R"(refused SELECT 16: "ERR DB index is out of range")"));

  Client ipv6({.endpoint = {.host = "::1", .port = server.port()}, .timeout = kLong});
  const auto length = [&] { return ipv6.Length("q"); };
  if (const auto ipv6_error = ErrorOf(length); ipv6_error.kind() == UnavailableKind::kConnection) {
    WARN("no IPv6 here: " << ipv6_error.what());
  } else {
    CHECK(length() == 1);
  }
}

TEST_CASE("an answer to a request whose time is up is not waited for", "[redis]") {
  RedisServer server;
  Client client({.endpoint = server.endpoint(), .timeout = kLong});
  REQUIRE(client.Length("q") == 0);
  const auto error = ErrorOf([&] { client.Length("q", -1ms); });
  CHECK(error.kind() == UnavailableKind::kTimeout);
  CHECK_THAT(error.what(), ContainsText("was not asked"));
  CHECK(client.observer.round_trips().size() == 1);
}

/// The configuration of queues in those Redis.
metrics::QueueConfig ConfigOf(const std::string& queues,
                              const std::vector<std::pair<std::string, RedisServer*>>& redis) {
  std::string yaml = "redis:\n";
  for (const auto& [name, server] : redis) {
    yaml += "  " + name + ": {url: 'redis://127.0.0.1:" + std::to_string(server->port()) + "', timeout: 30s}\n";
  }
  return std::get<metrics::QueueConfig>(metrics::ParseQueueConfig(yaml + "queues:\n" + queues));
}

TEST_CASE("a Redis is not ended while it may still be read by a configuration of before", "[redis]") {
  RedisServer slow;
  RedisServer dropped;
  slow.Command({"SADD", "rq:queues", "rq:queue:p1"});
  dropped.Command({"RPUSH", "l", "job", "job"});
  RecordingObserver observer;
  metrics::redis::EventLoop loop;
  const LoopThread thread(loop);
  metrics::QueueMetricProvider provider(loop, observer, [](const metrics::SourceConfig& source) {
    return metrics::redis::RedisOptions{.endpoint = std::get<metrics::redis::RedisEndpoint>(source.servers),
                                        .timeout = source.timeout,
                                        .name = source.name};
  });
  const std::string pattern = "  - {pattern: 'p*', layout: rq, redis: slow}\n";
  const std::string list = "  - {name: l, layout: list, redis: dropped}\n";
  const auto all_up = [&] {
    const auto sources = provider.Sources();
    return std::all_of(sources.begin(), sources.end(), [](const auto& source) { return source.second.up; });
  };
  provider.Use(ConfigOf(pattern + list, {{"slow", &slow}, {"dropped", &dropped}}));
  REQUIRE(Eventually(all_up));
  slow.Freeze();
  std::promise<metrics::MetricResult> answer;
  provider.Get(Query(""), [&answer](metrics::MetricResult result) { answer.set_value(std::move(result)); });
  provider.Use(ConfigOf(pattern + list + "  - {name: m, layout: list, redis: dropped}\n",
                        {{"slow", &slow}, {"dropped", &dropped}}));
  provider.Use(ConfigOf(pattern, {{"slow", &slow}}));
  CHECK(provider.EndUnused().empty());
  slow.Thaw();
  const metrics::MetricResult result = answer.get_future().get();
  if (const auto* why = std::get_if<metrics::MetricUnavailable>(&result)) FAIL(why->text);
  const auto& samples = std::get<std::vector<MetricSample>>(result);
  REQUIRE(samples.size() == 2);
  CHECK(samples[0].value == 2);
  CHECK(Eventually([&] { return provider.EndUnused() == std::vector<std::string>{"dropped"}; }));
}

}  // namespace
}  // namespace test
