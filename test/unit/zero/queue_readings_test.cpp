#include "server/zero/queue_readings.h"

#include <limits>

#include "test/support/catch.h"
#include "test/support/fake_metric_provider.h"

namespace server::zero {
namespace {

using std::chrono::seconds;

const QueueQuery kQuery{"ns", "redis_queue_length", metrics::LabelSelector::Parse("queue in (a,b)")};

TEST_CASE("a reading is the sum of its samples") {
  test::FakeMetricProvider provider;
  provider.samples["redis_queue_length"] = {{{}, 3, {}}, {{}, 4, {}}};
  const auto begin = std::chrono::steady_clock::now();
  const auto deadline = std::chrono::steady_clock::now() + seconds(1);
  const auto readings = ReadFrom(provider)({kQuery, {"ns", "unknown", {}}}, deadline);
  REQUIRE(readings.size() == 2);
  CHECK(readings[0].value == 7);
  CHECK_FALSE(readings[1].value);
  CHECK(readings[1].doubt == "no metric unknown");
  CHECK(provider.asked.deadline > deadline);  // What is in no hurry is shared with other readers.
  CHECK(provider.asked.not_before >= begin);
  CHECK(provider.asked.not_before <= std::chrono::steady_clock::now());
}

TEST_CASE("what is missing or failed is a doubt") {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  CHECK_FALSE(Sum({}).value);
  CHECK(Sum({{{}, 0, {}}}).value == 0);
  CHECK(Sum({{{}, kMost, {}}, {{}, kMost, {}}}).value == kMost);

  test::FakeMetricProvider provider;
  provider.failure = metrics::MetricUnavailable{metrics::UnavailableKind::kConnection, "Redis cannot be reached"};
  const auto readings = ReadFrom(provider)({kQuery}, std::chrono::steady_clock::now());
  REQUIRE(readings.size() == 1);
  CHECK_FALSE(readings[0].value);
  CHECK(readings[0].doubt == "Redis cannot be reached");
}

TEST_CASE("holders are named, or in doubt") {
  test::FakeMetricProvider provider;
  const auto read = [&] { return ReadHoldersFrom(provider)(kQuery, std::chrono::steady_clock::now() + seconds(1)); };
  provider.holders = std::vector<std::string>{"worker"};
  CHECK(read().workers == std::vector<std::string>{"worker"});
  provider.holders = metrics::MetricNotFound{"nobody notes it"};
  CHECK_FALSE(read().workers);
  CHECK(read().doubt == "nobody notes it");
  provider.holders = metrics::MetricUnavailable{metrics::UnavailableKind::kTimeout, "too late"};
  CHECK_FALSE(read().workers);
  CHECK(read().doubt == "too late");
  provider.slow = true;
  CHECK_FALSE(read().workers);
}

}  // namespace
}  // namespace server::zero
