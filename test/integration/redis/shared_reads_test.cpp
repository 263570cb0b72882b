// Equal reads in flight are one, and the queues of a request are one pipeline to each node: as Redis itself counts
// them. What is wrong with one of them is no fault of the others.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "metrics/layouts/celery.h"
#include "metrics/layouts/list.h"
#include "metrics/queue_layout.h"
#include "metrics/queue_reader.h"
#include "metrics/redis/cluster_source.h"
#include "metrics/redis/redis_connection.h"
#include "metrics/redis/sentinel_source.h"
#include "test/integration/redis/redis_test.h"
#include "test/integration/redis/source_client.h"
#include "test/support/catch.h"
#include "test/support/command_calls.h"
#include "test/support/redis_cluster.h"
#include "test/support/redis_server.h"
#include "test/support/scripted_server.h"

namespace test {
namespace {

using Outcomes = std::vector<metrics::QueueOutcome>;

/// While it lives, the loop takes no answer, so that every read stays in flight.
class Standstill {
 public:
  explicit Standstill(metrics::redis::EventLoop& loop) {
    loop.Post([reached = reached_, end = end_.get_future().share()] {
      reached->set_value();
      end.wait();
    });
    reached_->get_future().wait();
  }
  Standstill(const Standstill&) = delete;
  Standstill& operator=(const Standstill&) = delete;
  ~Standstill() { end_.set_value(); }

 private:
  const std::shared_ptr<std::promise<void>> reached_ = std::make_shared<std::promise<void>>();
  std::promise<void> end_;
};

const std::shared_ptr<const metrics::QueueLayout> kList = std::make_shared<metrics::layouts::List>();

/// Counts the jobs of a list one by one.
class WholeList final : public metrics::QueueLayout {
 public:
  metrics::QueueParts Offers() const override { return {.waiting = true}; }
  void Ask(const metrics::QueueRead& read, metrics::redis::Batch& batch) const override {
    batch.Add({"LRANGE", read.queue, "0", "-1"});
  }
  std::optional<metrics::QueueCounts> Count(const metrics::QueueRead& read, metrics::Replies replies,
                                            metrics::redis::Batch& /*more*/) const override {
    const auto& reply = *replies.front();
    if (reply.type != metrics::redis::Reply::Type::kArray) metrics::RejectReply(reply, "LRANGE", read.queue);
    return metrics::QueueCounts{.waiting = static_cast<std::int64_t>(reply.elements.size())};
  }
};

constexpr metrics::QueueParts kJobs{.waiting = true, .in_flight = true};

/// By whom all the time is given that Redis may take.
constexpr auto kPatient = std::chrono::steady_clock::time_point::max();

std::future<Outcomes> Begin(metrics::QueueReader& reader, metrics::redis::RedisSource& source,
                            const std::vector<std::string>& names,
                            std::chrono::steady_clock::time_point deadline = kPatient,
                            const std::shared_ptr<const metrics::QueueLayout>& layout = kList,
                            const metrics::QueueParts& wanted = {.waiting = true}) {
  std::vector<metrics::QueueQuestion> questions;
  for (const std::string& name : names) questions.push_back({&source, layout, name, wanted});
  const auto promise = std::make_shared<std::promise<Outcomes>>();
  reader.Read(std::move(questions), deadline,
              [promise](Outcomes outcomes) { promise->set_value(std::move(outcomes)); });
  return promise->get_future();
}

/// The jobs of each queue, "1 2 3 "; an error as its kind.
std::string Show(std::future<Outcomes> answer) {
  std::string text;
  for (const metrics::QueueOutcome& outcome : answer.get()) {
    const auto* reading = std::get_if<metrics::QueueReading>(&outcome);
    text += (reading != nullptr ? std::to_string(reading->counts.waiting + reading->counts.in_flight)
                                : std::string(Name(std::get<metrics::MetricUnavailable>(outcome).kind))) +
            " ";
  }
  return text;
}

TEST_CASE("equal reads in flight are put to Redis once, and others beside them", "[redis]") {
  RedisServer server;
  server.Command({"RPUSH", "a", "x"});
  server.Command({"RPUSH", "b", "x", "x"});
  server.Command({"RPUSH", "c", "x", "x", "x"});
  Client client({.endpoint = server.endpoint(), .timeout = kLong});
  REQUIRE(Eventually([&] { return client.IsUp(); }));
  metrics::QueueReader reader(client.observer);
  std::vector<std::future<Outcomes>> answers;
  {
    const Standstill standstill(client.loop);
    for (int i = 0; i < 50; ++i) {
      answers.push_back(Begin(reader, client.connection, {"a", "b"}));
      answers.push_back(Begin(reader, client.connection, {"c", "b"}));
    }
  }
  for (std::size_t i = 0; i < answers.size(); ++i) CHECK(Show(std::move(answers[i])) == (i % 2 == 0 ? "1 2 " : "3 2 "));
  CHECK(CallsOf(server, "llen") == 3);
  CHECK(client.observer.round_trips().size() == 2);
  // What was read once is not remembered.
  server.Command({"RPUSH", "a", "x"});
  CHECK(Show(Begin(reader, client.connection, {"a"})) == "2 ");
  CHECK(CallsOf(server, "llen") == 4);
}

TEST_CASE("equal reads in flight are put to each node of a cluster once", "[redis][cluster]") {
  RedisCluster cluster(3);
  std::vector<std::string> names;
  std::string expected;
  for (int i = 1; i <= 30; ++i) {
    names.push_back("q" + std::to_string(i));
    for (int job = 0; job < i; ++job) cluster.Command(names.back(), {"RPUSH", names.back(), "job"});
    expected += std::to_string(i) + " ";
  }
  SourceClient<metrics::redis::ClusterSource> client(
      metrics::redis::ClusterOptions{.seeds = cluster.endpoints(), .timeout = kLong});
  REQUIRE(Eventually([&] { return client.source.status().up; }));
  metrics::QueueReader reader(client.observer);
  std::vector<std::future<Outcomes>> answers;
  {
    const Standstill standstill(client.loop);
    for (int i = 0; i < 50; ++i) answers.push_back(Begin(reader, client.source, names));
  }
  for (auto& answer : answers) CHECK(Show(std::move(answer)) == expected);
  int llens = 0;
  for (std::size_t i = 0; i < 3; ++i) llens += CallsOf(cluster.node(i), "llen");
  CHECK(llens == 30);
}

/// The messages that Celery's workers hold: of each queue q1, q2 and so on as many as its number.
void HoldMessages(RedisServer& server, int queues) {
  for (int i = 1; i <= queues; ++i) {
    for (int message = 0; message < i; ++message) {
      server.Command({"HSET", "unacked", std::to_string(i) + "-" + std::to_string(message),
                      R"([{"headers":{}}, "", "q)" + std::to_string(i) + R"("])"});
    }
  }
}

TEST_CASE("what queues of a framework share is read once for all that ask at the same time", "[redis]") {
  constexpr int kQueues = 20;
  RedisServer server;
  HoldMessages(server, kQueues);
  Client client({.endpoint = server.endpoint(), .timeout = kLong});
  REQUIRE(Eventually([&] { return client.IsUp(); }));
  metrics::QueueReader reader(client.observer);
  const auto celery = std::make_shared<metrics::layouts::Celery>();
  std::vector<std::string> names;
  std::string expected;
  for (int i = 1; i <= kQueues; ++i) {
    names.push_back("q" + std::to_string(i));
    expected += std::to_string(i) + " ";
  }
  SECTION("in one request") {
    CHECK(Show(Begin(reader, client.connection, names, kPatient, celery, kJobs)) == expected);
    CHECK(CallsOf(server, "hvals") == 1);
    CHECK(CallsOf(server, "hstrlen") == kQueues * (kQueues + 1) / 2);
  }
  SECTION("in one request each: those that come later wait for the first, and are read together") {
    std::vector<std::future<Outcomes>> answers;
    {
      const Standstill standstill(client.loop);
      for (const std::string& name : names) {
        answers.push_back(Begin(reader, client.connection, {name}, kPatient, celery, kJobs));
      }
    }
    std::string all;
    for (auto& answer : answers) all += Show(std::move(answer));
    CHECK(all == expected);
    CHECK(CallsOf(server, "hvals") == 2);
  }
  SECTION("an ACL that keeps one of them from being read keeps no other") {
    server.Command({"ACL", "SETUSER", "reader", "on", "nopass", "+@all", "%R~unacked", "%R~q1*"});
    Client restricted({.endpoint = server.endpoint(),
                       .credentials =
                           [] {
                             return metrics::redis::Credentials{"reader", "x"};
                           },
                       .timeout = kLong});
    REQUIRE(Eventually([&] { return restricted.IsUp(); }));
    metrics::QueueReader its_reader(restricted.observer);
    CHECK(Show(Begin(its_reader, restricted.connection, {"q1", "q2", "q10"}, kPatient, celery, kJobs)) == "1 auth 10 ");
  }
}

TEST_CASE("whoever is in a hurry takes no answer from others, and makes no error of Redis", "[redis]") {
  std::promise<void> begin;
  ScriptedServer server([begun = begin.get_future().share()](Peer& peer) {
    peer.AnswerHandshake();
    begun.wait();
    peer.ReadUntil("\r\nq\r\n");
    peer.Write(":7\r\n:7\r\n");
    peer.WaitForEnd();
  });
  Client client({.endpoint = {.port = server.port()}, .timeout = kLong});
  REQUIRE(Eventually([&] { return client.IsUp(); }));
  metrics::QueueReader reader(client.observer);
  auto hurried = Begin(reader, client.connection, {"q"}, std::chrono::steady_clock::now() + kShort);
  auto patient = Begin(reader, client.connection, {"q"});
  CHECK(Show(std::move(hurried)) == "timeout ");
  CHECK(client.observer.errors().empty());
  begin.set_value();
  CHECK(Show(std::move(patient)) == "7 ");
}

TEST_CASE("a connection that is made anew because a reply was too large is not lost", "[redis]") {
  std::atomic<int> connections = 0;
  std::promise<void> go_on;
  ScriptedServer server([&connections, gone_on = go_on.get_future().share()](Peer& peer) {
    if (++connections == 1) {
      peer.AnswerHandshake();
      peer.ReadUntil("\r\nq\r\n");
      peer.Write("*100000\r\n");
    } else {
      gone_on.wait();
      peer.AnswerHandshake();
      peer.ReadUntil("\r\nq\r\n");
      peer.Write(":7\r\n");
    }
    peer.WaitForEnd();
  });
  Client client({.endpoint = {.port = server.port()}, .timeout = kLong});
  CHECK(client.ErrorOfLength().kind() == UnavailableKind::kTooLarge);
  CHECK(Eventually([&] { return connections == 2; }));
  CHECK(client.connection.status() == metrics::redis::SourceStatus{.up = true});
  go_on.set_value();
  CHECK(client.Length("q") == 7);
  CHECK(client.observer.Losses() == "");
}

/// How a queue is made that nobody reads out in one reply.
constexpr std::string_view kPushMany = "for i = 1, 70000 do redis.call('RPUSH', KEYS[1], i) end";

/// `source` must have lists {t}small0, {t}small1 and {t}small2 of one job, and such {t}large0, {t}large1 and {t}large2.
template <typename Client>
void CheckLargeSpoilsNoOther(Client& client, metrics::redis::RedisSource& source) {
  REQUIRE(Eventually([&] { return source.status().up; }));
  metrics::QueueReader reader(client.observer);
  const auto whole = std::make_shared<WholeList>();
  std::vector<std::pair<std::future<Outcomes>, std::string>> answers;
  const auto begin = [&](const std::vector<std::string>& names, std::string expected) {
    answers.emplace_back(Begin(reader, source, names, kPatient, whole), std::move(expected));
  };
  {
    const Standstill standstill(client.loop);
    begin({"{t}small0", "{t}large0"}, "1 too_large ");
    begin({"{t}small0"}, "1 ");
    begin({"{t}large1"}, "too_large ");
    begin({"{t}small1"}, "1 ");
    begin({"{t}large2"}, "too_large ");
    begin({"{t}small2"}, "1 ");  // Behind three that each end the connection.
  }
  for (auto& [answer, expected] : answers) CHECK(Show(std::move(answer)) == expected);
  CHECK(client.observer.Losses() == "");
  for (const auto& error : client.observer.errors()) {
    CHECK_THAT(error.queues, ContainsText("large"));
    CHECK(error.kind == UnavailableKind::kTooLarge);
    CHECK_THAT(error.cause, ContainsText("an array that is too large"));
  }
}

TEST_CASE("a reply that is too large is the error of its queue alone", "[redis]") {
  RedisServer server;
  for (const std::string n : {"0", "1", "2"}) {
    server.Command({"RPUSH", "{t}small" + n, "x"});
    server.Command({"EVAL", kPushMany, "1", "{t}large" + n});
  }
  SECTION("of one server, in either protocol") {
    const auto protocol = GENERATE(metrics::redis::Protocol::kResp2, metrics::redis::Protocol::kResp3);
    Client client({.endpoint = server.endpoint(), .timeout = kLong, .protocol = protocol});
    CheckLargeSpoilsNoOther(client, client.connection);
  }
  SECTION("of the master behind a Sentinel") {
    const auto sentinel =
        RedisServer::Sentinel("sentinel monitor jobs 127.0.0.1 " + std::to_string(server.port()) + " 1\n");
    metrics::redis::SentinelOptions options{.master_name = "jobs", .sentinels = {}, .timeout = kLong};
    options.sentinels.push_back(sentinel->endpoint());
    SourceClient<metrics::redis::SentinelSource> client(options);
    CheckLargeSpoilsNoOther(client, client.source);
  }
}

TEST_CASE("a reply that is too large is the error of its queue alone in a cluster, too", "[redis][cluster]") {
  RedisCluster cluster(3);
  for (const std::string n : {"0", "1", "2"}) {
    cluster.Command("{t}", {"RPUSH", "{t}small" + n, "x"});
    cluster.Command("{t}", {"EVAL", kPushMany, "1", "{t}large" + n});
  }
  SourceClient<metrics::redis::ClusterSource> client(
      metrics::redis::ClusterOptions{.seeds = cluster.endpoints(), .timeout = kLong});
  CheckLargeSpoilsNoOther(client, client.source);
}

}  // namespace
}  // namespace test
