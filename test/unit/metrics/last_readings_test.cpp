#include "metrics/last_readings.h"

#include <chrono>
#include <memory>
#include <string>

#include "metrics/layouts/list.h"
#include "test/support/catch.h"

namespace metrics {
namespace {

using std::chrono::nanoseconds;

/// Is never asked anything.
class SilentSource final : public redis::RedisSource {
 public:
  void Send(redis::Batch, std::chrono::steady_clock::time_point, redis::ResultCallback) override {}
  redis::SourceStatus status() const override { return {}; }
  const std::string& name() const override { return name_; }
  const std::string& subject() const override { return name_; }
  std::chrono::milliseconds timeout() const override { return {}; }

 private:
  const std::string name_ = "silent";
};

/// Questions that differ in one thing each.
struct Questions {
  QueueQuestion Of(const std::string& queue) { return {&source, layout, queue, {.waiting = true}}; }

  SilentSource source;
  SilentSource other_source;
  std::shared_ptr<const QueueLayout> layout = std::make_shared<layouts::List>();
  std::shared_ptr<const QueueLayout> other_layout = std::make_shared<layouts::List>();
};

QueueReading Reading(std::int64_t waiting) { return {.counts = {.waiting = waiting}, .timestamp = {}}; }

/// What is remembered; -1 for nothing.
std::int64_t Find(const LastReadings& readings, const QueueQuestion& question,
                  nanoseconds max_age = nanoseconds::max()) {
  const auto found = readings.Find(question, max_age);
  return found ? found->counts.waiting : -1;
}

TEST_CASE("a reading is that of its question and of no other", "[metrics]") {
  Questions questions;
  LastReadings readings;
  readings.Remember(questions.Of("a"), Reading(1));
  readings.Remember(questions.Of("b"), Reading(2));
  readings.Remember(questions.Of("a"), Reading(3));
  CHECK(Find(readings, questions.Of("a")) == 3);
  CHECK(Find(readings, questions.Of("b")) == 2);
  CHECK(Find(readings, questions.Of("c")) == -1);
  CHECK(Find(readings, {&questions.other_source, questions.layout, "a", {.waiting = true}}) == -1);
  CHECK(Find(readings, {&questions.source, questions.other_layout, "a", {.waiting = true}}) == -1);
  CHECK(Find(readings, {&questions.source, questions.layout, "a", {.in_flight = true}}) == -1);
}

TEST_CASE("a reading that is too old is none", "[metrics]") {
  Questions questions;
  LastReadings readings;
  readings.Remember(questions.Of("a"), Reading(1));
  const auto before = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() == before) {
  }
  CHECK(Find(readings, questions.Of("a"), std::chrono::hours(1)) == 1);
  CHECK(Find(readings, questions.Of("a"), nanoseconds(0)) == -1);
}

TEST_CASE("the readings of a source that ends are forgotten, those of others are not", "[metrics]") {
  Questions questions;
  LastReadings readings;
  const QueueQuestion of_other{&questions.other_source, questions.layout, "a", {.waiting = true}};
  readings.Remember(questions.Of("a"), Reading(1));
  readings.Remember(of_other, Reading(2));
  readings.Forget(questions.source);
  CHECK(Find(readings, questions.Of("a")) == -1);
  CHECK(Find(readings, of_other) == 2);
  readings.Remember(questions.Of("a"), Reading(3));
  CHECK(Find(readings, questions.Of("a")) == 3);
}

TEST_CASE("of too many readings, the one that was read longest ago is forgotten", "[metrics]") {
  Questions questions;
  LastReadings readings;
  constexpr auto kMost = static_cast<std::int64_t>(LastReadings::kMost);
  const auto question = [&questions](std::int64_t i) { return questions.Of("q" + std::to_string(i)); };
  for (std::int64_t i = 0; i < kMost; ++i) readings.Remember(question(i), Reading(i));
  CHECK(Find(readings, question(0)) == 0);  // To be asked for does not make it younger.
  readings.Remember(question(1), Reading(100));
  readings.Remember(question(kMost), Reading(kMost));
  readings.Remember(question(kMost + 1), Reading(kMost + 1));
  CHECK(Find(readings, question(0)) == -1);
  CHECK(Find(readings, question(1)) == 100);
  CHECK(Find(readings, question(2)) == -1);
  for (std::int64_t i = 3; i < kMost + 2; ++i) REQUIRE(Find(readings, question(i)) == i);
}

}  // namespace
}  // namespace metrics
