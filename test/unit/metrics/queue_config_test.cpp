#include "metrics/queue_config.h"

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "test/support/catch.h"

namespace metrics {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> ProblemsOf(const std::string& yaml, RedisInFile redis = RedisInFile::kMay) {
  const auto parsed = ParseQueueConfig(yaml, redis);
  std::vector<std::string> texts;
  if (const auto* problems = std::get_if<std::vector<ConfigProblem>>(&parsed)) {
    for (const ConfigProblem& problem : *problems) {
      texts.push_back(std::to_string(problem.line) + ":" + std::to_string(problem.column) + ": " + problem.text);
    }
  }
  return texts;
}

QueueConfig Parse(const std::string& yaml) {
  for (const std::string& problem : ProblemsOf(yaml)) UNSCOPED_INFO(problem);
  auto parsed = ParseQueueConfig(yaml);
  REQUIRE(std::holds_alternative<QueueConfig>(parsed));
  return std::get<QueueConfig>(std::move(parsed));
}

struct Case {
  std::string title;
  std::string yaml;
  std::vector<std::string> problems;
};

std::vector<Case> ReadCases() {
  std::ifstream file(CONFIGURATION_DIR "/problems.txt");
  std::vector<Case> cases;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("== ")) {
      cases.push_back({line.substr(3), {}, {}});
    } else if (line.starts_with("=> ")) {
      cases.back().problems.push_back(line.substr(3));
    } else if (!cases.empty() && cases.back().problems.empty()) {
      cases.back().yaml += line + "\n";
    }
  }
  return cases;
}

TEST_CASE("every problem of a configuration is told with its line and column", "[metrics]") {
  const std::vector<Case> cases = ReadCases();
  REQUIRE(cases.size() > 50);
  for (const Case& example : cases) {
    INFO(example.title << "\n" << example.yaml);
    CHECK(ProblemsOf(example.yaml) == example.problems);
  }
}

TEST_CASE("what the command line leaves to the file is told beside every other problem", "[metrics]") {
  const std::string without = "# No Redis.\nqueues: [{name: jobs, layuot: list}]";
  const std::string typo = "2:23: a queue has no key \"layuot\"; did you mean \"layout\"?";
  CHECK(ProblemsOf(without, RedisInFile::kMay) == std::vector{typo});
  CHECK(ProblemsOf(without, RedisInFile::kMustNot) == std::vector{typo});
  CHECK(ProblemsOf(without, RedisInFile::kMust) ==
        std::vector<std::string>{"2:1: must have \"redis\" where there is no --redis-url", typo});
  const std::string with = "redis: {main: {url: \"redis://a\", timeout: 5}}\nqueues: [{name: jobs}]";
  const std::string unit = "1:43: timeout \"5\" must be a duration from 1ms to 30s, such as 1s";
  CHECK(ProblemsOf(with, RedisInFile::kMust) == std::vector{unit});
  CHECK(ProblemsOf(with, RedisInFile::kMustNot) ==
        std::vector<std::string>{"1:8: names its own \"redis\", so leave out --redis-url", unit});
}

TEST_CASE("a problem is one printable line, whatever the bytes it is about", "[metrics]") {
  CHECK(ProblemsOf("queues: [{name: \"a\\\x01\"}]") ==
        std::vector<std::string>{R"(1:21: not YAML: unknown escape character: \x01)"});
  const auto problems =
      ProblemsOf("redis: {a: {url: \"redis://a\"}, \"b\\n\": {url: \"redis://b\"}}\nqueues: [{name: q}]");
  REQUIRE(problems.size() == 2);
  CHECK(problems[1] == R"(2:17: the queue "q" must have "redis", one of a, "b\n")");
}

TEST_CASE("the examples have no problem", "[metrics]") {
  for (const std::string file : {CONFIGURATION_DIR "/valid/everything.yaml", DOCS_DIR "/queues.example.yaml"}) {
    INFO(file);
    std::ifstream stream(file);
    const std::string yaml{std::istreambuf_iterator<char>(stream), {}};
    REQUIRE_FALSE(yaml.empty());
    CHECK(ProblemsOf(yaml).empty());
  }
}

TEST_CASE("a queue needs no more than a name", "[metrics]") {
  const QueueConfig config = Parse("queues: [{name: jobs}]");
  CHECK(config.sources.empty());
  REQUIRE(config.queues.size() == 1);
  const ConfiguredQueue& queue = config.queues.front();
  CHECK(queue.name == "jobs");
  CHECK_FALSE(queue.is_pattern);
  CHECK(queue.name_in_redis == "jobs");
  CHECK(queue.layout != nullptr);
  QueueSettings plain;
  plain.redis = "default";
  CHECK(queue.settings == plain);
}

TEST_CASE("a Redis is one server, what Sentinels watch, or a Cluster", "[metrics]") {
  const QueueConfig config = Parse(R"(
redis:
  one:
    url: redis://redis.jobs:6380/2
    usernameFile: /etc/redis/username
    passwordFile: /etc/redis/password
    timeout: 1.5s
  local: {url: "unix:///run/redis.sock?db=1"}
  secure:
    url: rediss://10.0.0.7
    tls: {caFile: /tls/ca.crt, certFile: /tls/tls.crt, keyFile: /tls/tls.key, keyPasswordFile: /tls/password,
          serverName: redis.example}
  public: {url: "rediss://redis.example:6390"}
  watched:
    sentinel:
      master: mymaster
      addresses: [sentinel-0, "[::1]", "[::1]:5000", "sentinel-1:5001"]
      usernameFile: /etc/sentinel/username
      passwordFile: /etc/sentinel/password
      database: 3
    passwordFile: /etc/redis/password
    tls: {}
  apart: {sentinel: {master: m, addresses: [s], tls: {verify: chain}}}
  shards:
    protocol: 3
    cluster: {addresses: [redis-0, "redis-1:7000"]}
queues: [{name: jobs, redis: one}]
)");
  const CredentialFiles both{"/etc/redis/username", "/etc/redis/password"};
  const auto source = [](std::string name, auto servers, CredentialFiles credentials = {},
                         std::optional<redis::TlsOptions> tls = {}, std::chrono::milliseconds timeout = 1000ms,
                         redis::Protocol protocol = redis::Protocol::kResp2) {
    return SourceConfig{std::move(name), std::move(servers), std::move(credentials), std::move(tls), timeout, protocol};
  };
  const SentinelServers watched{"mymaster",
                                {{"sentinel-0", 26379}, {"::1", 26379}, {"::1", 5000}, {"sentinel-1", 5001}},
                                {"/etc/sentinel/username", "/etc/sentinel/password"},
                                redis::TlsOptions(),
                                3};
  const SentinelServers apart{
      "m", {{"s", 26379}}, {}, redis::TlsOptions{.verify = redis::TlsOptions::Verify::kChain}, 0};
  CHECK(config.sources ==
        std::vector<SourceConfig>{
            source("apart", apart),
            source("local", redis::RedisEndpoint{.unix_path = "/run/redis.sock", .database = 1}),
            source("one", redis::RedisEndpoint{.host = "redis.jobs", .port = 6380, .database = 2}, both, {}, 1500ms),
            source("public", redis::RedisEndpoint{.host = "redis.example", .port = 6390}, {}, redis::TlsOptions()),
            source("secure", redis::RedisEndpoint{.host = "10.0.0.7"}, {},
                   redis::TlsOptions{"/tls/ca.crt", "/tls/tls.crt", "/tls/tls.key", "/tls/password", "redis.example"}),
            source("shards", ClusterServers{{{"redis-0", 6379}, {"redis-1", 7000}}}, {}, {}, 1000ms,
                   redis::Protocol::kResp3),
            source("watched", watched, {"", "/etc/redis/password"}, redis::TlsOptions()),
        });
}

TEST_CASE("a queue has settings of its own, or the defaults", "[metrics]") {
  const QueueConfig config = Parse(R"(
redis: {a: {url: "redis://a"}, b: {url: "redis://b"}}
defaults:
  redis: a
  namespaces: [jobs]
  labels: {team: red}
  onError: {hold: 1m}
  maxAge: 2s
queues:
  - name: plain
  - name: own
    nameInRedis: "own:jobs"
    redis: b
    namespaces: [mail, web]
    labels: {tier: gold, example.com/owner: "7"}
    onError: {value: 3}
    maxAge: 500ms
  - name: strict
    onError: error
  - pattern: "evaluation-*"
    nameInRedis: "evaluation:*:jobs"
  - name: plain
    redis: b
)");
  REQUIRE(config.queues.size() == 5);
  const auto settings = [&](std::size_t i) { return config.queues[i].settings; };
  CHECK(settings(0).redis == "a");
  CHECK(settings(0).namespaces == std::vector<std::string>{"jobs"});
  CHECK(settings(0).labels == Labels{{"team", "red"}});
  CHECK(settings(0).on_error == ErrorPolicy{.hold = 60s});
  CHECK(settings(0).max_age == 2s);
  CHECK(config.queues[1].name_in_redis == "own:jobs");
  CHECK(settings(1).redis == "b");
  CHECK(settings(1).namespaces == std::vector<std::string>{"mail", "web"});
  CHECK(settings(1).labels == Labels{{"example.com/owner", "7"}, {"tier", "gold"}});
  CHECK(settings(1).on_error == ErrorPolicy{.value = 3});
  CHECK(settings(1).max_age == 500ms);
  CHECK(settings(2).on_error == ErrorPolicy());
  CHECK(config.queues[3].is_pattern);
  CHECK(config.queues[3].name == "evaluation-*");
  CHECK(config.queues[3].name_in_redis == "evaluation:*:jobs");
  CHECK(config.queues[4].settings.redis == "b");
}

TEST_CASE("a queue has the options of its layout, and those of the defaults if the layout is the same", "[metrics]") {
  const QueueConfig config = Parse(R"(
defaults: {layout: celery, prefix: "app:", prioritySteps: [0, 5]}
queues:
  - {name: default}
  - {name: more, unackedKey: taken, prefix: ""}
  - {name: same, layout: celery}
  - {name: other, layout: rq}
  - {name: flags, layout: laravel, hashTag: true}
  - {name: scans, layout: reliable-list, processing: [], workers: "{queue}:workers"}
)");
  const auto options = [&](std::size_t i) { return config.queues.at(i).settings.layout_options; };
  LayoutOptions defaults;
  defaults.Set("prefix", "app:");
  defaults.Set("prioritySteps", LayoutOptions::Numbers{0, 5});
  CHECK(options(0) == defaults);
  CHECK(options(2) == defaults);
  LayoutOptions more = defaults;
  more.Set("unackedKey", "taken");
  more.Set("prefix", "");
  CHECK(options(1) == more);
  CHECK(options(3) == LayoutOptions());
  CHECK(options(4).Find<bool>("hashTag") == true);
  CHECK(options(5).Find<LayoutOptions::Texts>("processing") == LayoutOptions::Texts());
  CHECK(config.queues[0].layout == config.queues[2].layout);
  CHECK(config.queues[0].layout != config.queues[1].layout);
}

TEST_CASE("a pattern knows the registry of its framework", "[metrics]") {
  const QueueConfig config = Parse(R"(
queues:
  - {pattern: "rq-*", layout: rq, prefix: "{rq}"}
  - {pattern: "list-*", layout: list}
  - {name: rq, layout: rq}
)");
  REQUIRE(config.queues[0].registry.has_value());
  CHECK(config.queues[0].registry->key == "{rq}:queues");
  CHECK(config.queues[0].registry->prefix == "{rq}:queue:");
  CHECK_FALSE(config.queues[1].registry.has_value());
  CHECK_FALSE(config.queues[2].registry.has_value());
}

TEST_CASE("without a file, too, the registry of the framework is known", "[metrics]") {
  const auto registry = [](std::string_view layout) {
    return ConfigOfEveryKey(*FindLayoutKind(layout), {}).queues.at(0).registry;
  };
  REQUIRE(registry("rq").has_value());
  CHECK(registry("rq")->key == "rq:queues");
  CHECK_FALSE(registry("list").has_value());
}

TEST_CASE("an alias repeats its anchor", "[metrics]") {
  const QueueConfig config = Parse(R"(
queues:
  - {name: a, namespaces: &teams [red, blue]}
  - {name: b, namespaces: *teams}
)");
  CHECK(config.queues[1].settings.namespaces == std::vector<std::string>{"red", "blue"});
}

TEST_CASE("aliases of aliases cost no more than they are long", "[metrics]") {
  std::string yaml = "queues:\n  - name: a\n    namespaces: &a0 [x]\n";
  for (int i = 1; i < 60; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    yaml += "  - name: b" + std::to_string(i) + "\n    namespaces: &a" + std::to_string(i) + " [" + last + ", " + last +
            "]\n";
  }
  CHECK(ProblemsOf(yaml).size() == 59 * 2);
}

TEST_CASE("YAML that is nested without end is refused", "[metrics]") {
  CHECK(ProblemsOf("queues: " + std::string(100'000, '[')).size() == 1);
}

TEST_CASE("ten thousand queues are read", "[metrics]") {
  std::string yaml = "redis: {main: {url: redis://redis}}\nqueues:\n";
  for (int i = 0; i < 10'000; ++i) {
    yaml += "  - name: queue-" + std::to_string(i) + "\n    namespaces: [jobs]\n    onError: {hold: 60s}\n";
  }
  CHECK(Parse(yaml).queues.size() == 10'000);
}

}  // namespace
}  // namespace metrics
