#include "metrics/queue_reader.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "test/support/answers.h"
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
  std::chrono::milliseconds timeout() const override { return std::chrono::minutes(10); }

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
  std::optional<QueueCounts> Count(const QueueRead& read, Replies replies, redis::Batch& more) const override {
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

/// Answers when it is told to: the number of each command, counted from 1 over all batches.
class PatientSource final : public redis::RedisSource {
 public:
  explicit PatientSource(bool is_cluster = false) : is_cluster_(is_cluster) {}

  void Send(redis::Batch batch, std::chrono::steady_clock::time_point deadline,
            redis::ResultCallback callback) override {
    sent_.push_back({std::move(batch), std::move(callback)});
    deadline_ = deadline;
  }
  redis::SourceStatus status() const override { return {.up = true}; }
  bool is_cluster() const override { return is_cluster_; }
  const std::string& name() const override { return name_; }
  const std::string& subject() const override { return subject_; }
  std::chrono::milliseconds timeout() const override { return std::chrono::minutes(10); }

  /// Of the latest batch.
  std::chrono::steady_clock::time_point deadline() const { return deadline_; }

  /// What is not answered yet: the commands of a batch, those of a transaction in brackets.
  std::vector<std::string> Unanswered() const {
    std::vector<std::string> texts;
    for (const auto& [batch, callback] : sent_) {
      std::string text;
      for (const std::string& command : test::Commands(batch)) {
        text += command == "MULTI" ? "[" : command == "EXEC" ? "]" : command + ";";
      }
      texts.push_back(std::move(text));
    }
    return texts;
  }

  /// The oldest batch.
  void Answer() {
    auto [batch, callback] = Take();
    std::vector<redis::Reply> replies;
    for (std::size_t i = 0; i < batch.size(); ++i) replies.push_back(test::Number(++answered_));
    callback(std::move(replies));
  }
  void Answer(redis::Result result) { Take().callback(std::move(result)); }

 private:
  struct Sent {
    redis::Batch batch;
    redis::ResultCallback callback;
  };

  Sent Take() {
    REQUIRE_FALSE(sent_.empty());
    Sent oldest = std::move(sent_.front());
    sent_.pop_front();
    return oldest;
  }

  const bool is_cluster_;
  const std::string name_ = "default";
  const std::string subject_ = "Redis at nowhere";
  std::deque<Sent> sent_;
  std::int64_t answered_ = 0;
  std::chrono::steady_clock::time_point deadline_;
};

/// In a list of its own, and a hash that all queues have in common. A second round reads the hash once more.
class SharingLayout final : public QueueLayout {
 public:
  QueueParts Offers() const override { return {.waiting = true, .in_flight = true}; }
  bool SharesKeys(const QueueParts& /*wanted*/) const override { return true; }
  void Ask(const QueueRead& read, redis::Batch& batch) const override {
    batch.Add({"LLEN", read.queue});
    batch.Add({"HLEN", "all"});
  }
  std::optional<QueueCounts> Count(const QueueRead& read, Replies replies, redis::Batch& more) const override {
    if (replies.size() == 2 && read.queue.starts_with("long")) {
      more.Add({"HVALS", "all"});
      return std::nullopt;
    }
    return QueueCounts{.waiting = CountFrom(*replies[0], "LLEN", read.queue),
                       .in_flight = CountFrom(*replies.back(), "HLEN", "all")};
  }
};

/// Reads queues of a layout that shares keys. Outcomes as "a 1+2, b timeout".
class SharingReader {
 public:
  explicit SharingReader(redis::RedisSource& source) : source_(source) {}

  /// Where the outcomes will be.
  const std::string& Begin(const std::vector<std::string>& names, std::chrono::seconds time = std::chrono::hours(1)) {
    std::string& text = outcomes_.emplace_back();
    std::vector<QueueQuestion> questions;
    for (const std::string& name : names) {
      questions.push_back({&source_, layout_, name, {.waiting = true, .in_flight = true}});
    }
    reader_.Read(std::move(questions), std::chrono::steady_clock::now() + time,
                 [names, &text](const std::vector<QueueOutcome>& outcomes) {
                   for (std::size_t i = 0; i < names.size(); ++i) {
                     text += (text.empty() ? "" : ", ") + names[i] + " " + Show(outcomes.at(i));
                   }
                 });
    return text;
  }

  const test::RecordingObserver& observer() const { return observer_; }

 private:
  static std::string Show(const QueueOutcome& outcome) {
    const auto* reading = std::get_if<QueueReading>(&outcome);
    if (reading == nullptr) return std::string(Name(std::get<MetricUnavailable>(outcome).kind));
    return std::to_string(reading->counts.waiting) + "+" + std::to_string(reading->counts.in_flight);
  }

  redis::RedisSource& source_;
  const std::shared_ptr<const QueueLayout> layout_ = std::make_shared<SharingLayout>();
  test::RecordingObserver observer_;
  QueueReader reader_{observer_};
  std::list<std::string> outcomes_;
};

using Texts = std::vector<std::string>;

TEST_CASE("what queues of a request have in common is asked once, in one transaction", "[metrics]") {
  PatientSource source;
  SharingReader reader(source);
  const std::string& outcomes = reader.Begin({"a", "long1", "b", "long2"});
  CHECK(source.Unanswered() == Texts{"[LLEN a;HLEN all;LLEN long1;LLEN b;LLEN long2;]"});
  source.Answer();
  CHECK(source.Unanswered() == Texts{"[HVALS all;]"});
  source.Answer();
  CHECK(outcomes == "a 1+2, long1 3+6, b 4+2, long2 5+6");
}

TEST_CASE("a single queue, and queues of a cluster, are read as if they shared nothing", "[metrics]") {
  SECTION("a single queue") {
    PatientSource source;
    SharingReader reader(source);
    const std::string& outcomes = reader.Begin({"long"});
    CHECK(source.Unanswered() == Texts{"[LLEN long;HLEN all;]"});
    source.Answer();
    CHECK(source.Unanswered() == Texts{"HVALS all;"});
    source.Answer();
    CHECK(outcomes == "long 1+3");
  }
  SECTION("of a cluster") {
    PatientSource source(true);
    SharingReader reader(source);
    const std::string& outcomes = reader.Begin({"a", "b"});
    const std::string& others = reader.Begin({"c"});
    CHECK(source.Unanswered() == Texts{"[LLEN a;HLEN all;][LLEN b;HLEN all;]", "[LLEN c;HLEN all;]"});
    source.Answer();
    source.Answer();
    CHECK(outcomes + "; " + others == "a 1+2, b 3+4; c 5+6");
  }
}

TEST_CASE("requests for queues that share keys take turns, and those that wait are asked together", "[metrics]") {
  PatientSource source;
  SharingReader reader(source);
  const std::string& first = reader.Begin({"long"});
  const std::string& second = reader.Begin({"a", "b"});
  const std::string& third = reader.Begin({"c", "long"});  // Of which one is under way.
  const std::string& fourth = reader.Begin({"b"});         // Which waits already.
  const std::string& hurried = reader.Begin({"d"}, std::chrono::seconds(0));
  CHECK(source.Unanswered() == Texts{"[LLEN long;HLEN all;]", "[LLEN d;HLEN all;]"});
  source.Answer();
  source.Answer();
  CHECK(source.Unanswered() == Texts{"HVALS all;"});
  CHECK(hurried == "d 3+4");
  source.Answer();
  CHECK(first == "long 1+5");
  CHECK(source.Unanswered() == Texts{"[LLEN a;HLEN all;LLEN b;LLEN c;]"});
  const std::string& fifth = reader.Begin({"e"});
  source.Answer();
  CHECK(second == "a 6+7, b 8+7");
  CHECK(third == "c 9+7, long 1+5");
  CHECK(fourth == "b 8+7");
  source.Answer();
  CHECK(fifth == "e 10+11");
  const std::string& last = reader.Begin({"f"});
  source.Answer();
  CHECK(last == "f 12+13");
  CHECK(source.Unanswered().empty());
}

TEST_CASE("who wants news shares an answer only with those who asked since then", "[metrics]") {
  PatientSource source;
  test::RecordingObserver observer;
  QueueReader reader(observer);
  const auto layout = std::make_shared<RoundsLayout>(1, true);
  std::string answered;
  const auto read = [&](const std::string& who, std::chrono::steady_clock::time_point not_before) {
    reader.Read(
        {{&source, layout, "q", {.waiting = true}}}, std::chrono::steady_clock::time_point::max(),
        [&answered, who](const std::vector<QueueOutcome>& outcomes) {
          REQUIRE(std::holds_alternative<QueueReading>(outcomes.at(0)));
          answered += who;
        },
        not_before);
  };
  constexpr auto kAnyTime = std::chrono::steady_clock::time_point::min();
  read("a", kAnyTime);
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const auto now = std::chrono::steady_clock::now();
  read("b", now);
  read("c", now);
  read("d", kAnyTime);
  CHECK(source.Unanswered() == Texts{"LLEN q;", "LLEN q;"});
  source.Answer();
  CHECK(answered == "a");
  read("e", now);
  CHECK(source.Unanswered() == Texts{"LLEN q;"});
  source.Answer();
  CHECK(answered == "abcde");
}

TEST_CASE("what Redis refuses one of the queues that are read in one transaction is not refused the others",
          "[metrics]") {
  PatientSource source;
  SharingReader reader(source);
  const std::string& outcomes = reader.Begin({"a", "b", "c"});
  const redis::Reply refused = test::Error("NOPERM this user has no permissions to access the 'b' key");
  redis::Reply discarded = refused;
  discarded.is_discarded = true;
  source.Answer(std::vector{discarded, discarded, refused, discarded});
  CHECK(source.Unanswered() == Texts{"[LLEN a;HLEN all;LLEN c;]"});
  CHECK(reader.observer().errors().size() == 1);
  const std::string& next = reader.Begin({"d"});
  source.Answer();
  CHECK(outcomes == "a 1+2, b auth, c 3+2");
  source.Answer(std::vector{discarded, refused});
  CHECK(next == "d auth");
  CHECK(source.Unanswered().empty());
}

TEST_CASE("a reply that is too large for queues that share keys is asked for in halves", "[metrics]") {
  PatientSource source;
  SharingReader reader(source);
  const std::string& outcomes = reader.Begin({"a", "b", "c"});
  source.Answer(redis::Failure{UnavailableKind::kTooLarge, "too large"});
  CHECK(source.Unanswered() == Texts{"[LLEN a;HLEN all;LLEN b;]", "[LLEN c;HLEN all;]"});
  source.Answer();
  source.Answer(redis::Failure{UnavailableKind::kTooLarge, "too large"});
  CHECK(outcomes == "a 1+2, b 3+2, c too_large");
}

std::vector<std::string> Names(const std::string& prefix, int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back(prefix + std::to_string(i));
  return names;
}

TEST_CASE("at most fifty queues that share keys are read in one transaction, and some thousand wait", "[metrics]") {
  PatientSource source;
  SharingReader reader(source);
  const auto commands = [&] {
    const std::string text = source.Unanswered().at(0);
    return std::count(text.begin(), text.end(), ';');
  };
  const std::string& first = reader.Begin(Names("a", 120));
  REQUIRE(source.Unanswered().size() == 1);
  CHECK(commands() == 51);
  const std::string& second = reader.Begin(Names("b", 4931));  // One more than there is room for.
  CHECK(second.empty());
  const std::string& third = reader.Begin({"c"});
  CHECK(third == "c overload");
  CHECK(reader.observer().errors().size() == 2);
  source.Answer();
  CHECK(commands() == 51);
  CHECK(first.empty());
  source.Answer();
  CHECK(commands() == 51);  // The rest of the first, and some of the second.
  source.Answer();
  CHECK(first.starts_with("a0 1+2, a1 3+2, "));
  const std::string& fourth = reader.Begin({"d"});
  for (int i = 0; i < 99; ++i) source.Answer();
  CHECK(second.starts_with("b0 "));
  CHECK(second.ends_with("b4930 overload"));
  CHECK(fourth.starts_with("d "));
  CHECK(source.Unanswered().empty());
}

TEST_CASE("whoever comes late to those that wait for a turn gives them all the time that Redis may take", "[metrics]") {
  PatientSource source;
  SharingReader reader(source);
  reader.Begin({"a"});
  reader.Begin({"b"});
  const auto late = std::chrono::steady_clock::now();
  reader.Begin({"c"});
  CHECK(source.deadline() < late + source.timeout());
  source.Answer();
  CHECK(source.deadline() >= late + source.timeout());
}

TEST_CASE("a reading is as old as its question", "[metrics]") {
  PatientSource source;
  test::RecordingObserver observer;
  QueueReader reader(observer);
  const auto layout = std::make_shared<RoundsLayout>(1, true);
  const auto before = std::chrono::system_clock::now();
  std::vector<QueueOutcome> outcomes;
  const auto read = [&] {
    reader.Read({{&source, layout, "q", {.waiting = true}}}, std::chrono::steady_clock::time_point::max(),
                [&](const std::vector<QueueOutcome>& told) { outcomes.push_back(told.at(0)); });
  };
  read();
  const auto after = std::chrono::system_clock::now();
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  read();  // Which gets the same answer.
  source.Answer();
  REQUIRE(outcomes.size() == 2);
  for (const QueueOutcome& outcome : outcomes) {
    CHECK(std::get<QueueReading>(outcome).timestamp >= before);
    CHECK(std::get<QueueReading>(outcome).timestamp <= after);
  }
}

TEST_CASE("whoever waits for a turn gets it when the one before has failed", "[metrics]") {
  PatientSource source;
  SharingReader reader(source);
  const std::string& first = reader.Begin({"a", "b"});
  const std::string& second = reader.Begin({"c"});
  source.Answer(redis::Failure{UnavailableKind::kConnection, "lost"});
  CHECK(first == "a connection, b connection");
  source.Answer();
  CHECK(second == "c 1+2");
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
