#include "metrics/queue_catalog.h"

#include <algorithm>
#include <string>
#include <vector>

#include "metrics/metric_provider.h"
#include "test/support/catch.h"

namespace metrics {
namespace {

std::vector<std::string> Find(const std::string& selector) {
  const QueueCatalog catalog;
  std::vector<std::string> names;
  for (const Queue& queue : catalog.Find("jobs", "redis_queue_length", LabelSelector::Parse(selector))) {
    names.push_back(queue.name);
  }
  return names;
}

TEST_CASE("a selector that names queues selects them", "[metrics]") {
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
  CHECK(Find(example.selector) == example.names);
}

TEST_CASE("a selector that selects no queue is told what would", "[metrics]") {
  struct Case {
    std::string selector;
    std::string text;
  };
  const std::string names_none = " names no queue; select one by queue=NAME or several by queue in (NAME,NAME)";
  const std::string matches_none = "; a queue has only the label \"queue\", and its name is never empty";
  const auto example = GENERATE_COPY(values<Case>({
      {"", "the selector \"\"" + names_none},
      {"queue", "the selector \"queue\"" + names_none},
      {"!queue", "the selector \"!queue\"" + names_none},
      {"queue!=a", "the selector \"queue!=a\"" + names_none},
      {"queue notin (a,b)", "the selector \"queue notin (a,b)\"" + names_none},
      {"queue>5", "the selector \"queue>5\"" + names_none},
      {"name=a", "the selector \"name=a\"" + names_none},
      {"queue=", "no queue matches the selector \"queue=\"" + matches_none},
      {"queue in (,)", "no queue matches the selector \"queue in ()\"" + matches_none},
      {"queue=a,queue=b", "no queue matches the selector \"queue=a,queue=b\"" + matches_none},
      {"queue=a,queue!=a", "no queue matches the selector \"queue!=a,queue=a\"" + matches_none},
      {"queue=a,team=red", "no queue matches the selector \"queue=a,team=red\"" + matches_none},
      {"queue=a,team", "no queue matches the selector \"queue=a,team\"" + matches_none},
  }));
  INFO(example.selector);
  try {
    Find(example.selector);
    FAIL("found");
  } catch (const MetricNotFoundError& error) {
    if (example.selector == "queue=a,queue!=a") {
      CHECK_THAT(error.what(), ContainsText(matches_none));
    } else {
      CHECK(error.what() == example.text);
    }
  }
}

TEST_CASE("one request may name a thousand queues, and not one more", "[metrics]") {
  std::string list = "queue in (0";
  for (int i = 1; i < 1000; ++i) list += "," + std::to_string(i);
  CHECK(Find(list + ")").size() == 1000);
  CHECK_THROWS_WITH(Find(list + ",1000)"), "the selector names 1001 queues; one request may ask for 1000");
}

TEST_CASE("the text of an error is bounded, however long the selector", "[metrics]") {
  std::string selector = "queue in (a),queue notin (a";
  for (int i = 0; i < 5000; ++i) selector += "," + std::to_string(i);
  CHECK_THROWS_MATCHES(Find(selector + ")"), MetricNotFoundError,
                       Catch::Matchers::Predicate<MetricNotFoundError>(
                           [](const MetricNotFoundError& error) { return std::string(error.what()).size() < 400; }));
}

TEST_CASE("an unknown metric is told the known ones", "[metrics]") {
  CHECK(QueueCatalog::MetricNames() == std::vector<std::string>{"redis_queue_length"});
  CHECK_THROWS_WITH(QueueCatalog().Find("jobs", "queue_length", LabelSelector::Parse("queue=a")),
                    R"(there is no metric "queue_length"; the only one is "redis_queue_length")");
}

}  // namespace
}  // namespace metrics
