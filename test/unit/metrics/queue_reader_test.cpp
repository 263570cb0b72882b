#include "metrics/queue_reader.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "test/support/catch.h"
#include "test/support/recording_observer.h"

namespace metrics {
namespace {

/// Answers every command with 1 at once.
class OnesSource final : public redis::RedisSource {
 public:
  void Send(redis::Batch batch, std::chrono::steady_clock::time_point /*deadline*/,
            redis::ResultCallback callback) override {
    callback(std::vector<redis::Reply>(batch.size(), {.type = redis::Reply::Type::kInteger, .integer = 1}));
  }
  redis::SourceStatus status() const override { return {.up = true}; }
  const std::string& name() const override { return name_; }
  const std::string& subject() const override { return subject_; }
  std::chrono::milliseconds timeout() const override { return std::chrono::milliseconds(1000); }

 private:
  const std::string name_ = "default";
  const std::string subject_ = "Redis at nowhere";
};

/// Asks for so many rounds of one command, and then counts them or does not.
class RoundsLayout final : public QueueLayout {
 public:
  RoundsLayout(std::size_t rounds, bool counts) : rounds_(rounds), counts_(counts) {}

  QueueParts Offers() const override { return {.waiting = true}; }
  void Ask(const QueueRead& read, redis::Batch& batch) const override { batch.Add({"LLEN", read.queue}); }
  std::optional<QueueCounts> Count(const QueueRead& read, std::span<const redis::Reply> replies,
                                   redis::Batch& more) const override {
    if (replies.size() < rounds_) {
      more.Add({"LLEN", read.queue});
    } else if (counts_) {
      return QueueCounts{.waiting = static_cast<std::int64_t>(replies.size())};
    }
    return std::nullopt;
  }

 private:
  const std::size_t rounds_;
  const bool counts_;
};

std::vector<QueueOutcome> Read(const std::vector<std::shared_ptr<const QueueLayout>>& layouts) {
  test::RecordingObserver observer;
  OnesSource source;
  QueueReader reader(observer);
  std::vector<QueueQuestion> questions;
  for (const auto& layout : layouts) questions.push_back({&source, layout, "q", {.waiting = true}});
  std::optional<std::vector<QueueOutcome>> outcomes;
  reader.Read(std::move(questions), std::chrono::steady_clock::now() + std::chrono::seconds(60),
              [&](std::vector<QueueOutcome> arrived) { outcomes = std::move(arrived); });
  REQUIRE(outcomes.has_value());
  return *std::move(outcomes);
}

TEST_CASE("queues of a request may take different numbers of rounds", "[metrics]") {
  const auto outcomes = Read({std::make_shared<RoundsLayout>(1, true), std::make_shared<RoundsLayout>(3, true),
                              std::make_shared<RoundsLayout>(2, true)});
  REQUIRE(outcomes.size() == 3);
  CHECK(std::get<QueueReading>(outcomes[0]).counts.waiting == 1);
  CHECK(std::get<QueueReading>(outcomes[1]).counts.waiting == 3);
  CHECK(std::get<QueueReading>(outcomes[2]).counts.waiting == 2);
}

TEST_CASE("a layout that neither counts nor asks on is an error, and not 0", "[metrics]") {
  const auto outcomes = Read({std::make_shared<RoundsLayout>(2, false), std::make_shared<RoundsLayout>(1, true)});
  REQUIRE(outcomes.size() == 2);
  CHECK(std::get<MetricUnavailable>(outcomes[0]).text ==
        "Redis at nowhere: its replies do not tell what the queue \"q\" holds");
  CHECK(std::get<QueueReading>(outcomes[1]).counts.waiting == 1);
}

}  // namespace
}  // namespace metrics
