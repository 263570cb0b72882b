// Real clusters: read by node, followed through resharding, failovers and the loss of nodes, and never a wrong number.
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "metrics/redis/cluster_source.h"
#include "test/integration/redis/redis_test.h"
#include "test/integration/redis/source_client.h"
#include "test/support/catch.h"
#include "test/support/command_calls.h"
#include "test/support/redis_cluster.h"
#include "test/support/redis_server.h"
#include "test/support/scripted_server.h"
#include "test/support/tls_files.h"

namespace test {
namespace {

using metrics::redis::Batch;
using metrics::redis::ClusterOptions;
using metrics::redis::Protocol;
using metrics::redis::RedisEndpoint;
using metrics::redis::Reply;
using Clock = std::chrono::steady_clock;
using Client = SourceClient<metrics::redis::ClusterSource>;

ClusterOptions OptionsFor(const RedisCluster& cluster) {
  return {.seeds = cluster.endpoints(), .timeout = kLong, .name = "jobs"};
}

std::string Name(int i) { return "q" + std::to_string(i); }

/// The key q with the number i has i elements.
void Fill(RedisCluster& cluster, int keys) {
  for (int i = 1; i <= keys; ++i) {
    for (int job = 0; job < i; ++job) cluster.Command(Name(i), {"RPUSH", Name(i), "job"});
  }
}

TEST_CASE("queues all over a cluster are read with one pipeline a node, in their order", "[redis][cluster]") {
  const auto protocol = GENERATE(Protocol::kResp2, Protocol::kResp3);
  INFO("RESP" << static_cast<int>(protocol));
  RedisCluster cluster(3);
  Fill(cluster, 30);
  ClusterOptions options = OptionsFor(cluster);
  options.protocol = protocol;
  options.seeds = {RedisEndpoint{.port = FreePort()}, options.seeds[1]};  // One of them suffices.
  Client client(options);
  REQUIRE(client.Length("q1") == 1);
  REQUIRE(Eventually([&] { return client.source.status().up; }));
  const auto round_trips = [&] {
    const auto before = client.observer.round_trips().size();
    Batch batch;
    for (int i = 30; i > 0; --i) batch.Add({"LLEN", Name(i)});
    const auto replies = Call(client.source, std::move(batch), std::chrono::steady_clock::now() + kLong);
    REQUIRE(replies.size() == 30);
    for (int i = 30; i > 0; --i) CHECK(replies[static_cast<std::size_t>(30 - i)].integer == i);
    return client.observer.round_trips().size() - before;
  };
  CHECK(Eventually([&] { return round_trips() == 3; }));  // The question who has which slot comes in between at times.

  CHECK(Eventually([&] { return client.observer.ToldUp("jobs"); }));
  CHECK(client.observer.Losses() == "");
}

TEST_CASE("a transaction in one slot is one there, and one across slots is read command by command",
          "[redis][cluster]") {
  RedisCluster cluster(3);
  Fill(cluster, 9);
  cluster.Command("{a}", {"RPUSH", "{a}1", "x"});
  cluster.Command("{a}", {"RPUSH", "{a}2", "x", "y"});
  Client client(OptionsFor(cluster));
  Batch batch;
  batch.Add({"LLEN", "q1"});
  batch.BeginTransaction();
  batch.Add({"LLEN", "{a}1"});
  batch.Add({"LLEN", "{a}2"});
  batch.EndTransaction();
  batch.BeginTransaction();
  for (int i = 2; i <= 9; ++i) batch.Add({"LLEN", Name(i)});
  batch.EndTransaction();
  const auto replies = Call(client.source, std::move(batch), std::chrono::steady_clock::now() + kLong);
  const std::vector<std::int64_t> expected{1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9};
  REQUIRE(replies.size() == expected.size());
  for (std::size_t i = 0; i < replies.size(); ++i) CHECK(replies[i].integer == expected[i]);
  for (std::size_t i = 0; i < 3; ++i) CHECK(CallsOf(cluster.node(i), "exec") == (i == cluster.MasterOf("{a}") ? 1 : 0));
}

TEST_CASE("a slot on the move is read right, key by key and in transactions", "[redis][cluster]") {
  RedisCluster cluster(3);
  cluster.Command("{a}", {"RPUSH", "{a}1", "x"});
  cluster.Command("{a}", {"RPUSH", "{a}2", "x", "y"});
  const std::size_t to = (cluster.MasterOf("{a}") + 1) % 3;
  Client client(OptionsFor(cluster));
  const auto check = [&] {
    // The third key does not exist, which a node that has begun to move the slot cannot tell from one that is gone.
    for (const bool is_transaction : {false, true}) {
      Batch batch;
      if (is_transaction) batch.BeginTransaction();
      for (const char* key : {"{a}1", "{a}2", "{a}none"}) batch.Add({"LLEN", key});
      if (is_transaction) batch.EndTransaction();
      const auto replies = Call(client.source, std::move(batch), std::chrono::steady_clock::now() + kLong);
      REQUIRE(replies.size() == 3);
      for (std::size_t i = 0; i < 3; ++i) {
        INFO(replies[i].text);
        CHECK(replies[i].type == Reply::Type::kInteger);
        CHECK(replies[i].integer == std::array{1, 2, 0}[i]);
      }
    }
  };
  check();
  cluster.BeginMove("{a}", to);
  check();
  RedisServer& from = cluster.node(cluster.MasterOf("{a}"));
  from.Command({"MIGRATE", "127.0.0.1", std::to_string(cluster.node(to).port()), "{a}1", "0", "10000"});
  check();
  cluster.MoveKeys("{a}", to);
  check();
  cluster.EndMove("{a}", to);
  check();
}

TEST_CASE("resharding under load gives no wrong number and no error", "[redis][cluster]") {
  RedisCluster cluster(3);
  constexpr int kKeys = 12;
  Fill(cluster, kKeys);
  Client client(OptionsFor(cluster));
  Readers readers;
  for (const bool is_transaction : {false, true}) {
    readers.Add([&client, is_transaction] {
      Batch batch;
      if (is_transaction) batch.BeginTransaction();
      for (int i = 1; i <= kKeys; ++i) batch.Add({"LLEN", Name(i)});
      if (is_transaction) batch.EndTransaction();
      const auto replies = Call(client.source, std::move(batch), std::chrono::steady_clock::now() + kLong);
      for (int i = 1; i <= kKeys; ++i) {
        const Reply& reply = replies[static_cast<std::size_t>(i - 1)];
        if (reply.type == Reply::Type::kUnavailable) throw MetricUnavailableError(reply.kind, reply.text);
        if (reply.type != Reply::Type::kInteger || reply.integer != i) return false;
      }
      return true;
    });
    readers.Add([&client, is_transaction] {
      Batch batch;
      batch.BeginTransaction();
      for (const std::string key : {"{q3}:none", "q3", "{q3}:none"}) batch.Add({"LLEN", key});
      batch.EndTransaction();
      const auto replies = Call(client.source, std::move(batch), std::chrono::steady_clock::now() + kLong);
      return replies[0].integer == 0 && replies[1].integer == 3 && replies[2].type == Reply::Type::kInteger;
    });
  }
  for (int round = 0; round < 6; ++round) {
    for (int i = 1; i <= kKeys; ++i) {
      const std::size_t to = (cluster.MasterOf(Name(i)) + 1) % 3;
      cluster.BeginMove(Name(i), to);
      const int before = readers.right;
      REQUIRE(Eventually([&] { return readers.right + readers.wrong > before + 4; }));
      cluster.MoveKeys(Name(i), to);
      REQUIRE(Eventually([&] { return readers.right + readers.wrong > before + 8; }));
      cluster.EndMove(Name(i), to);
    }
  }
  CHECK(readers.wrong == 0);
  INFO(readers.last_error());
  CHECK(readers.errors == 0);
}

TEST_CASE("the loss of a node is an error for its keys only, until its replica is promoted", "[redis][cluster]") {
  const bool is_crash = GENERATE(true, false);
  INFO((is_crash ? "kill -9" : "CLUSTER FAILOVER"));
  RedisCluster cluster(3, true);
  constexpr int kKeys = 9;
  Fill(cluster, kKeys);
  const std::size_t lost = cluster.MasterOf("q1");
  REQUIRE(cluster.node(lost).Command({"WAIT", "1", "10000"}).integer == 1);
  const std::size_t heir = lost + 3;
  std::vector<int> theirs;
  std::vector<int> others;
  for (int i = 1; i <= kKeys; ++i) (cluster.MasterOf(Name(i)) == lost ? theirs : others).push_back(i);
  REQUIRE_FALSE(others.empty());

  Client client(OptionsFor(cluster));
  const auto read = [&client](const std::vector<int>& keys) {
    Batch batch;
    for (const int i : keys) batch.Add({"LLEN", Name(i)});
    const auto replies = Call(client.source, std::move(batch), std::chrono::steady_clock::now() + kLong);
    bool is_right = true;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const Reply& reply = replies[i];
      if (reply.type == Reply::Type::kUnavailable) throw MetricUnavailableError(reply.kind, reply.text);
      if (reply.type == Reply::Type::kError) throw MetricUnavailableError(UnavailableKind::kServer, reply.text);
      // One more once the new master has got it.
      is_right = is_right && (reply.integer == keys[i] || (keys[i] == 1 && reply.integer == 2));
    }
    return is_right;
  };
  Readers of_lost;
  Readers of_others;
  for (int i = 0; i < 2; ++i) {
    of_lost.Add([&] { return read(theirs); });
    of_others.Add([&] { return read(others); });
  }
  REQUIRE(Eventually([&] { return of_lost.right > 100 && of_others.right > 100; }));
  const int errors_before = of_others.errors;

  if (is_crash) cluster.node(lost).Kill();
  bool is_promoted = false;
  for (int attempt = 0; attempt < 3 && !is_promoted; ++attempt) {  // Redis drops a failover that takes it five seconds.
    if (!is_crash) cluster.node(heir).Command({"CLUSTER", "FAILOVER"});
    is_promoted = Eventually([&] { return cluster.node(heir).Command({"ROLE"}).elements.at(0).text == "master"; });
  }
  REQUIRE(is_promoted);
  const auto promoted = Clock::now();
  cluster.node(heir).Command({"RPUSH", "q1", "late"});
  REQUIRE(Eventually([&] { return client.Reads("q1", 2); }));
  const auto mended = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - promoted);
  WARN("right again " << mended.count() << " ms after the promotion, " << of_lost.errors << " errors");
  // By now the former master knows better, or is dead.
  for (int i = 0; i < 100; ++i) CHECK(client.Length("q1") == 2);
  const int before = of_lost.right;
  REQUIRE(Eventually([&] { return of_lost.right > before + 100; }));
  CHECK(of_lost.wrong == 0);
  CHECK(of_others.wrong == 0);
  INFO(of_others.last_error());
  CHECK(of_others.errors == errors_before);
  if (!is_crash) CHECK(of_lost.errors == 0);
  REQUIRE(Eventually([&] { return client.source.status().up; }));
}

TEST_CASE("a node that is lost for good is told, and harms nobody else", "[redis][cluster]") {
  RedisCluster cluster(3);
  Fill(cluster, 9);
  Client client(OptionsFor(cluster));
  REQUIRE(client.Length("q1") == 1);
  const std::size_t lost = cluster.MasterOf("q1");
  cluster.node(lost).Kill();
  REQUIRE(Eventually([&] { return !client.source.status().up; }));
  CHECK_THAT(client.source.status().cause, ContainsText("1 of 3 nodes is not connected: Redis at 127.0.0.1:"));
  const std::size_t asked = (lost + 1) % 3;
  Batch batch;
  for (int i = 1; i <= 9; ++i) batch.Add({"LLEN", Name(i)});
  const auto replies = Call(client.source, std::move(batch), std::chrono::steady_clock::now() + kLong);
  for (int i = 1; i <= 9; ++i) {
    const Reply& reply = replies[static_cast<std::size_t>(i - 1)];
    if (cluster.MasterOf(Name(i), asked) == lost) {
      CHECK(reply.type == Reply::Type::kUnavailable);
      CHECK(reply.kind == UnavailableKind::kConnection);
    } else {
      CHECK(reply.integer == i);
    }
  }
  cluster.node(lost).Start();
  REQUIRE(Eventually([&] { return client.source.status().up; }));
}

TEST_CASE("TLS and credentials go to every node of a cluster", "[redis][cluster][tls]") {
  const TlsFiles files({.names = "IP:127.0.0.1"});
  RedisCluster cluster(3, files.arguments());
  Fill(cluster, 9);
  for (std::size_t i = 0; i < 3; ++i) {
    cluster.node(i).Command({"ACL", "SETUSER", "reader", "on", ">secret", "~q*", "+llen", "+ping", "+cluster|slots"});
  }
  ClusterOptions options = OptionsFor(cluster);
  options.seeds = {cluster.endpoints()[0]};
  options.tls = files.options();
  options.credentials = [] { return metrics::redis::Credentials{"reader", "secret"}; };
  Client client(options);
  for (int i = 1; i <= 9; ++i) CHECK(client.Length(Name(i)) == i);
}

TEST_CASE("the first answer of a node may take as long as any other", "[redis][cluster]") {
  std::string slots;
  ScriptedServer node([&](Peer& peer) {
    peer.AnswerHandshake();
    peer.ReadUntil("SLOTS\r\n");
    std::this_thread::sleep_for(700ms);
    peer.Write(slots);
    peer.ReadUntil("\r\nq\r\n");
    peer.Write(":7\r\n");
    peer.WaitForEnd();
  });
  slots = "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:" + std::to_string(node.port()) + "\r\n";
  RedisEndpoint seed;
  seed.port = node.port();
  Client client(ClusterOptions{.seeds = {seed}, .timeout = kLong});
  CHECK(client.Length("q") == 7);
}

TEST_CASE("what is not a cluster, or not there, is told", "[redis][cluster]") {
  RedisServer server;
  const bool is_there = GENERATE(true, false);
  RedisEndpoint seed;
  seed.port = is_there ? server.port() : FreePort();
  Client client(ClusterOptions{.seeds = {seed}, .timeout = kLong});
  const auto error = ErrorOf([&] { client.Length("q"); });
  CHECK_THAT(error.what(),
             ContainsText("Redis Cluster at 127.0.0.1:" + std::to_string(seed.port) + " cannot be learnt: "));
  CHECK_THAT(error.what(), ContainsText(is_there ? "cluster support disabled" : "Connection refused"));
  CHECK(client.source.status().cause == error.what());
}

}  // namespace
}  // namespace test
