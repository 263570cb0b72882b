#include "metrics/queue_catalog.h"

#include <string>
#include <vector>

#include "metrics/metric_provider.h"
#include "test/support/catch.h"

namespace metrics {
namespace {

QueueCatalog CatalogOf(const std::string& yaml) {
  auto parsed = ParseQueueConfig(yaml);
  if (const auto* problems = std::get_if<std::vector<ConfigProblem>>(&parsed)) {
    for (const ConfigProblem& problem : *problems) UNSCOPED_INFO(problem.line << ": " << problem.text);
  }
  return QueueCatalog(std::get<QueueConfig>(std::move(parsed)));
}

QueueCatalog CatalogWithoutFile(std::vector<std::string> namespaces = {}) {
  return QueueCatalog(ConfigOfEveryKey(*FindLayoutKind("by-type"), std::move(namespaces)));
}

/// The queues found as "NAME" or, where Redis are told apart, "NAME@REDIS".
std::vector<std::string> Find(const QueueCatalog& catalog, const std::string& selector, const std::string& ns = "jobs",
                              const QueueCatalog::Members& members = {}) {
  std::vector<std::string> names;
  for (const Queue& queue : catalog.Find(ns, QueueMetric::kLength, LabelSelector::Parse(selector), members)) {
    const auto redis = queue.labels.find("redis");
    names.push_back(queue.labels.at("queue") + (redis == queue.labels.end() ? "" : "@" + redis->second));
  }
  return names;
}

std::string WhyNot(const QueueCatalog& catalog, const std::string& selector, const std::string& ns = "jobs") {
  try {
    Find(catalog, selector, ns);
  } catch (const MetricNotFoundError& error) {
    return error.what();
  }
  return "found";
}

TEST_CASE("without a configuration, a selector that names queues selects them", "[metrics]") {
  struct Case {
    std::string selector;
    std::vector<std::string> names;
  };
  const auto example = GENERATE(values<Case>({
      {"queue=emails", {"emails"}},
      {"queue==emails", {"emails"}},
      {"queue in (emails)", {"emails"}},
      {"queue in (images,emails,images)", {"emails", "images"}},
      {"queue in (emails,)", {"emails"}},
      {"queue in (a,b,c),queue in (b,c,d)", {"b", "c"}},
      {"queue in (a,b,c),queue=c", {"c"}},
      {"queue in (a,b,c),queue!=b", {"a", "c"}},
      {"queue in (a,b,c),queue notin (a,b)", {"c"}},
      {"queue notin (a,b),queue in (a,b,c)", {"c"}},
      {"queue=a,queue", {"a"}},
      {"queue in (3,10,x),queue>5", {"10"}},
      {"queue=a,team!=red", {"a"}},
      {"queue=a,!team", {"a"}},
  }));
  INFO(example.selector);
  CHECK(Find(CatalogWithoutFile(), example.selector) == example.names);
}

TEST_CASE("without a configuration, a selector that selects no queue is told what would", "[metrics]") {
  const std::string there_is = "; the namespace \"jobs\" may see queue=*";
  const std::string must_be_named =
      there_is + "; those of a pattern must be named, by queue=NAME or queue in (NAME,NAME)";
  struct Case {
    std::string selector;
    std::string text;
  };
  const auto example = GENERATE_COPY(values<Case>({
      {"", "\"\"" + must_be_named},
      {"queue", "\"queue\"" + must_be_named},
      {"!queue", "\"!queue\"" + must_be_named},
      {"queue!=a", "\"queue!=a\"" + must_be_named},
      {"queue notin (a,b)", "\"queue notin (a,b)\"" + must_be_named},
      {"queue>5", "\"queue>5\"" + must_be_named},
      {"name=a", "\"name=a\"" + must_be_named},
      {"queue=", "\"queue=\"" + there_is},
      {"queue in (,)", "\"queue in ()\"" + there_is},
      {"queue=a,queue=b", "\"queue=a,queue=b\"" + there_is},
      {"queue=a,team=red", "\"queue=a,team=red\"" + there_is},
      {"queue=a,team", "\"queue=a,team\"" + there_is},
  }));
  CHECK(WhyNot(CatalogWithoutFile(), example.selector) == "no queue matches the selector " + example.text);
}

TEST_CASE("without a configuration, queues can be for some namespaces only", "[metrics]") {
  const QueueCatalog catalog = CatalogWithoutFile({"jobs", "mail"});
  CHECK(Find(catalog, "queue=a", "mail") == std::vector<std::string>{"a"});
  CHECK(WhyNot(catalog, "queue=a", "web") ==
        "no queue matches the selector \"queue=a\"; the namespace \"web\" may see none");
}

TEST_CASE("one request may name a thousand queues, and not one more", "[metrics]") {
  std::string list = "queue in (0";
  for (int i = 1; i < 1000; ++i) list += "," + std::to_string(i);
  CHECK(Find(CatalogWithoutFile(), list + ")").size() == 1000);
  CHECK(WhyNot(CatalogWithoutFile(), list + ",1000)") ==
        "the selector means 1001 queues; one request may ask for 1000");
}

TEST_CASE("the text of an error is bounded, however long the selector", "[metrics]") {
  std::string selector = "queue in (a),queue notin (a";
  for (int i = 0; i < 5000; ++i) selector += "," + std::to_string(i);
  CHECK(WhyNot(CatalogWithoutFile(), selector + ")", std::string(10'000, 'n')).size() < 800);
}

constexpr const char* kTwoRedis = R"(
redis: {a: {url: "redis://a"}, b: {url: "redis://b"}}
defaults: {redis: a}
queues:
  - {name: emails, labels: {team: red}}
  - {name: emails, redis: b, labels: {team: blue}}
  - {name: images, labels: {team: red, tier: gold}}
  - {name: secret, namespaces: [vault]}
  - {name: evaluation-special, namespaces: [vault]}
  - {pattern: "evaluation-*", nameInRedis: "eval:*", labels: {team: green}}
  - {pattern: "*", redis: b, namespaces: [ops]}
)";

TEST_CASE("queues are selected by all their labels", "[metrics]") {
  const QueueCatalog catalog = CatalogOf(kTwoRedis);
  struct Case {
    std::string selector;
    std::vector<std::string> names;
  };
  const auto example = GENERATE(values<Case>({
      {"queue=emails", {"emails@a", "emails@b"}},
      {"queue=emails,redis=b", {"emails@b"}},
      {"queue in (images,emails),redis!=b", {"emails@a", "images@a"}},
      {"team=red", {"emails@a", "images@a"}},
      {"team in (red,blue)", {"emails@a", "emails@b", "images@a"}},
      {"team=red,tier", {"images@a"}},
      {"team=red,!tier", {"emails@a"}},
      {"", {"emails@a", "emails@b", "images@a"}},
      {"queue!=emails", {"images@a"}},
      {"queue notin (images),redis=a", {"emails@a"}},
      {"queue=evaluation-small", {"evaluation-small@a"}},
      {"queue in (evaluation-small,images),team!=blue", {"evaluation-small@a", "images@a"}},
      {"queue=evaluation-small,team=green", {"evaluation-small@a"}},
  }));
  INFO(example.selector);
  CHECK(Find(catalog, example.selector) == example.names);
}

TEST_CASE("a namespace sees its queues and those of everybody", "[metrics]") {
  const QueueCatalog catalog = CatalogOf(kTwoRedis);
  CHECK(Find(catalog, "queue=secret", "vault") == std::vector<std::string>{"secret@a"});
  CHECK(Find(catalog, "queue=whatever", "ops") == std::vector<std::string>{"whatever@b"});
  CHECK(WhyNot(catalog, "queue=secret") ==
        "no queue matches the selector \"queue=secret\"; the namespace \"jobs\" may see queue=emails,redis=a,team=red "
        "and "
        "queue=emails,redis=b,team=blue and queue=images,redis=a,team=red,tier=gold and "
        "queue=evaluation-*,redis=a,team=green");
  // The name decides before the pattern does, so that a restricted queue does not leak through a wider one.
  CHECK_THAT(WhyNot(catalog, "queue=evaluation-special"), ContainsText("no queue matches"));
  CHECK(Find(catalog, "queue=evaluation-special", "ops") == std::vector<std::string>{"evaluation-special@b"});
}

TEST_CASE("a pattern's queue has its own name in Redis", "[metrics]") {
  const auto found =
      CatalogOf(kTwoRedis).Find("jobs", QueueMetric::kWaiting, LabelSelector::Parse("queue=evaluation-small"));
  REQUIRE(found.size() == 1);
  CHECK(found.front().name_in_redis == "eval:small");
  CHECK(found.front().wanted == QueueParts{.waiting = true});
}

TEST_CASE("a pattern's star stands for one character or more", "[metrics]") {
  const QueueCatalog catalog = CatalogOf("queues: [{pattern: aa*a}]");
  CHECK(Find(catalog, "queue in (aaxa,aaxya,aaaa)") == std::vector<std::string>{"aaaa", "aaxa", "aaxya"});
  CHECK_THAT(WhyNot(catalog, "queue in (aaa,aa,a,aaab,baaa)"), ContainsText("no queue matches"));
}

TEST_CASE("of several patterns the first decides", "[metrics]") {
  const QueueCatalog catalog = CatalogOf(R"(
queues:
  - {pattern: "jobs-*", labels: {from: first}, namespaces: [jobs]}
  - {pattern: "*", labels: {from: second}}
)");
  CHECK(Find(catalog, "queue=jobs-a,from=first") == std::vector<std::string>{"jobs-a"});
  CHECK(Find(catalog, "queue=other,from=second") == std::vector<std::string>{"other"});
  CHECK_THAT(WhyNot(catalog, "queue=jobs-a,from=second"), ContainsText("no queue matches"));
  CHECK_THAT(WhyNot(catalog, "queue=jobs-a", "mail"), ContainsText("no queue matches"));
}

TEST_CASE("what a framework has noted as its queues need not be named", "[metrics]") {
  const QueueCatalog catalog = CatalogOf(R"(
queues:
  - {pattern: "evaluation-*", nameInRedis: "eval:*", layout: rq, labels: {team: red}, namespaces: [jobs]}
  - {pattern: "other-*", layout: list, labels: {team: red}}
  - {name: evaluation-special, layout: list}
)");
  const auto listed = [&](const std::string& selector, const std::string& ns = "jobs") {
    return catalog.PatternsToList(ns, LabelSelector::Parse(selector));
  };
  REQUIRE(listed("team=red").size() == 1);
  CHECK(listed("").size() == 1);
  CHECK(listed("queue!=a").size() == 1);
  CHECK(listed("team in (blue,red)").size() == 1);
  CHECK(listed("team=blue").empty());
  CHECK(listed("tier=gold").empty());
  CHECK(listed("queue=evaluation-small").empty());
  CHECK(listed("team=red", "mail").empty());

  const QueueCatalog::Members members{
      {listed("").front().get(), {"eval:small", "eval:special", "eval:large", "unlike"}}};
  CHECK(Find(catalog, "team=red", "jobs", members) == std::vector<std::string>{"evaluation-large", "evaluation-small"});
  CHECK(Find(catalog, "queue!=evaluation-large", "jobs", members) ==
        std::vector<std::string>{"evaluation-small", "evaluation-special"});
}

TEST_CASE("a namespace is told ten queues at most", "[metrics]") {
  std::string yaml = "queues:\n";
  for (int i = 0; i < 11; ++i) yaml += "  - name: q" + std::to_string(i) + "\n";
  const std::string text = WhyNot(CatalogOf(yaml), "queue=x");
  CHECK_THAT(text, ContainsText("queue=q0 and ") && ContainsText(" and queue=q9 and more"));
  CHECK_THAT(text, !ContainsText("q10"));
}

TEST_CASE("a metric that a layout does not tell is not found, and said so", "[metrics]") {
  const QueueCatalog catalog = CatalogOf("queues: [{name: jobs}]");
  const auto all = LabelSelector::Parse("queue=jobs");
  for (const QueueMetric metric : {QueueMetric::kDelayed, QueueMetric::kInFlight, QueueMetric::kOldestAge}) {
    CHECK_THROWS_WITH(catalog.Find("jobs", metric, all),
                      "the queue \"jobs\" has no " + std::string(Name(metric)) +
                          ", because its layout by-type only tells redis_queue_length, redis_queue_waiting");
  }
  CHECK(catalog.Find("jobs", QueueMetric::kWaiting, all).size() == 1);
}

TEST_CASE("ten thousand queues are found by name", "[metrics]") {
  std::string yaml = "queues:\n";
  for (int i = 0; i < 10'000; ++i) {
    yaml += "  - {name: q" + std::to_string(i) + ", labels: {team: t" + std::to_string(i % 100) + "}}\n";
  }
  const QueueCatalog catalog = CatalogOf(yaml);
  CHECK(Find(catalog, "queue=q7777") == std::vector<std::string>{"q7777"});
  CHECK(Find(catalog, "team=t7").size() == 100);
  CHECK(Find(catalog, "team=t7,queue in (q7,q107,q8)") == std::vector<std::string>{"q107", "q7"});
  CHECK(WhyNot(catalog, "queue!=q1") == "the selector means 9999 queues; one request may ask for 1000");
}

TEST_CASE("the metrics are known by name", "[metrics]") {
  const std::vector<std::string> names{"redis_queue_delayed", "redis_queue_in_flight", "redis_queue_length",
                                       "redis_queue_oldest_age_seconds", "redis_queue_waiting"};
  std::vector<std::string> known;
  for (const QueueMetric metric : QueueMetrics()) {
    known.emplace_back(Name(metric));
    CHECK(FindQueueMetric(Name(metric)) == metric);
  }
  CHECK(known == names);
  CHECK(FindQueueMetric("queue_length") == std::nullopt);
}

TEST_CASE("the length of a queue is what waits and what is in flight, as far as that can be known", "[metrics]") {
  const QueueCounts counts{.waiting = 3, .in_flight = 4, .delayed = 5, .oldest_age = std::chrono::seconds(6)};
  const auto value = [&](QueueMetric metric, QueueParts offered) {
    return ValueOf(metric, PartsFor(metric, offered).value(), counts);
  };
  const QueueParts all{.waiting = true, .in_flight = true, .delayed = true, .oldest_age = true};
  CHECK(value(QueueMetric::kLength, all) == 7);
  CHECK(value(QueueMetric::kLength, {.waiting = true}) == 3);
  CHECK(value(QueueMetric::kWaiting, all) == 3);
  CHECK(value(QueueMetric::kInFlight, all) == 4);
  CHECK(value(QueueMetric::kDelayed, all) == 5);
  CHECK(value(QueueMetric::kOldestAge, all) == 6);
  CHECK(PartsFor(QueueMetric::kLength, all) == QueueParts{.waiting = true, .in_flight = true});
  CHECK(PartsFor(QueueMetric::kLength, {.delayed = true}) == std::nullopt);
}

}  // namespace
}  // namespace metrics
