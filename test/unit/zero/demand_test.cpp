#include "server/zero/demand.h"

#include <algorithm>

#include "test/support/catch.h"

namespace server::zero {
namespace {

using Values = std::vector<std::optional<std::int64_t>>;

ManagedHpa TwoQueues(bool sleep) {
  ManagedHpa hpa;
  hpa.ns = "ns";
  hpa.queues = {{"redis_queue_waiting", metrics::LabelSelector::Parse("queue=a"), 1000},
                {"redis_queue_length", metrics::LabelSelector::Parse("queue=b"), 1000}};
  hpa.settings.sleep = sleep;
  return hpa;
}

std::vector<QueueReading> Readings(const Values& values) {
  std::vector<QueueReading> readings;
  for (const auto& value : values) {
    readings.push_back({value, value ? "" : "Redis is down"});
  }
  return readings;
}

TEST_CASE("only who wants to sleep asks for what is unfinished, and only where its metric does not say so") {
  const auto names = [](const ManagedHpa& hpa) {
    std::vector<std::string> texts;
    for (const QueueQuery& query : QueriesOf(hpa)) {
      texts.push_back(query.ns + " " + query.metric + " " + query.selector.ToString());
    }
    return texts;
  };
  CHECK(names(TwoQueues(false)) ==
        std::vector<std::string>{"ns redis_queue_waiting queue=a", "ns redis_queue_length queue=b"});
  CHECK(names(TwoQueues(true)).back() == "ns redis_queue_length queue=a");
  CHECK(names(TwoQueues(true)).size() == 3);
}

TEST_CASE("each number that is missing is a doubt of its own") {
  struct Case {
    Values readings;
    Values values;
    std::optional<std::int64_t> unfinished;
  };
  const std::vector<Case> cases{
      {{1, 2, 3}, {1, 2}, 3},
      {{1, 4, 3}, {1, 4}, 4},
      {{1, std::nullopt, 3}, {1, std::nullopt}, std::nullopt},
      {{std::nullopt, 2, 3}, {std::nullopt, 2}, 3},
      {{1, 2, std::nullopt}, {1, 2}, std::nullopt},
  };
  for (const Case& c : cases) {
    const Demand demand = DemandFrom(TwoQueues(true), Readings(c.readings));
    CHECK((demand.values == c.values));
    CHECK(demand.unfinished == c.unfinished);
    CHECK(demand.IsComplete() == (std::count(c.readings.begin(), c.readings.end(), std::nullopt) == 0));
  }
  CHECK_FALSE(Demand().IsComplete());
}

TEST_CASE("one readable value above the threshold is need") {
  ManagedHpa hpa = TwoQueues(false);
  CHECK(NeedsWorkers(hpa, {{std::nullopt, 1}, {}}));
  CHECK_FALSE(NeedsWorkers(hpa, {{std::nullopt, 0}, {}}));
  CHECK_FALSE(NeedsWorkers(hpa, {}));
  hpa.settings.activation_threshold = 1;
  CHECK_FALSE(NeedsWorkers(hpa, {{1, 1}, {}}));
  CHECK(NeedsWorkers(hpa, {{1, 2}, {}}));
}

}  // namespace
}  // namespace server::zero
