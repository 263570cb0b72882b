// A real Redis that freezes, dies, comes back, is not ready: what callers see of it, and that all is well afterwards.
#include <atomic>
#include <chrono>
#include <filesystem>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "metrics/redis/redis_connection.h"
#include "test/integration/redis/redis_test.h"
#include "test/support/catch.h"
#include "test/support/redis_server.h"

namespace test {
namespace {

using Clock = std::chrono::steady_clock;

TEST_CASE("a frozen Redis costs one wait, is not believed to be up, and is back when it thaws", "[redis]") {
  RedisServer server;
  server.Command({"RPUSH", "q", "a", "b"});
  Client client({.endpoint = server.endpoint(), .timeout = kShort});
  REQUIRE(Eventually([&] { return client.IsUp(); }));

  server.Freeze();
  const auto first = client.ErrorOfLength(kShort);
  CHECK(first.kind() == UnavailableKind::kTimeout);
  CHECK_THAT(first.what(), ContainsText(client.connection.subject() + " did not answer within "));

  // The connection is given up, and the ones after it are accepted by the kernel only.
  REQUIRE(
      Eventually([&] { return client.Cause().find("accepts connections but does not answer") != std::string::npos; }));
  const auto begin = Clock::now();
  for (int i = 0; i < 100; ++i) CHECK(client.ErrorOfLength().kind() == UnavailableKind::kTimeout);
  CHECK(Clock::now() - begin < kLong);  // A hundred waits for the deadline would be 50 minutes.
  CHECK_FALSE(client.IsUp());

  server.Thaw();
  REQUIRE(Eventually([&] { return client.IsUp(); }));
  CHECK(client.Length("q") == 2);

  CHECK_THAT(client.observer.Losses(),
             Catch::Matchers::StartsWith(client.connection.subject() + " stopped answering: " + kNoAnswerWithinShort));
  CHECK(Eventually([&] { return client.observer.changes().back().up; }));
}

TEST_CASE("a Redis that is busy for longer than the timeout is back after it", "[redis]") {
  RedisServer server;
  Client client({.endpoint = server.endpoint(), .timeout = kShort});
  REQUIRE(Eventually([&] { return client.IsUp(); }));
  std::jthread sleeper([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) server.Command({"DEBUG", "SLEEP", "2"});
  });
  REQUIRE(Eventually([&] { return client.ErrorOfLength(kShort).kind() == UnavailableKind::kTimeout; }));
  sleeper.request_stop();
  sleeper.join();
  REQUIRE(Eventually([&] { return client.IsUp(); }));
  CHECK(Eventually([&] { return client.ErrorOfLength().what() == std::string("no error at all"); }));
}

TEST_CASE("a caller with little time leaves, and the slow answer harms nobody", "[redis]") {
  RedisServer server;
  server.Command({"RPUSH", "q", "a", "b"});
  Client client({.endpoint = server.endpoint(), .timeout = kLong});
  REQUIRE(client.Length("q") == 2);
  server.Freeze();
  CHECK(client.ErrorOfLength(20ms).kind() == UnavailableKind::kTimeout);
  CHECK(client.IsUp());
  std::int64_t length = 0;
  std::jthread patient([&] { length = client.Length("q"); });
  std::this_thread::sleep_for(20ms);
  server.Thaw();
  patient.join();
  CHECK(length == 2);
  CHECK(client.observer.Losses() == "");
}

TEST_CASE("a killed Redis is told at once, and found again by itself", "[redis]") {
  RedisServer server;
  Client client({.endpoint = server.endpoint(), .timeout = kLong, .name = "jobs"});
  REQUIRE(client.Length("q") == 0);

  server.Kill();
  REQUIRE(Eventually([&] { return client.Cause().find("Connection refused") != std::string::npos; }));
  const auto error = client.ErrorOfLength();
  CHECK(error.kind() == UnavailableKind::kConnection);
  CHECK(error.what() == client.connection.subject() + " cannot be reached: Connection refused");

  server.Start();
  server.Command({"RPUSH", "q", "a"});
  REQUIRE(Eventually([&] { return client.IsUp(); }));
  CHECK(client.Length("q") == 1);
  CHECK(client.observer.changes().front().source == "jobs");
}

TEST_CASE("a Redis that is not there is told at once", "[redis]") {
  struct Case {
    metrics::redis::RedisEndpoint endpoint;
    std::string text;
  };
  const std::string path = std::filesystem::temp_directory_path() / "qms-no-such.sock";
  const auto port = FreePort();
  const auto example = GENERATE_COPY(values<Case>({
      {{.port = port}, "Redis at 127.0.0.1:" + std::to_string(port) + " cannot be reached: Connection refused"},
      {{.unix_path = path}, "Redis at " + path + " cannot be reached: No such file or directory"},
  }));
  Client client({.endpoint = example.endpoint, .timeout = kLong});
  for (int i = 0; i < 3; ++i) {
    const auto error = client.ErrorOfLength();
    CHECK(error.kind() == UnavailableKind::kConnection);
    CHECK(error.what() == example.text);
  }
  CHECK(client.Cause() == example.text);
  REQUIRE(Eventually([&] { return !client.observer.changes().empty(); }));
  CHECK(client.observer.changes().size() == 1);
  CHECK_FALSE(client.observer.changes()[0].up);
  CHECK(client.observer.changes()[0].cause == example.text);
}

TEST_CASE("a Redis that appears after the server has started is found", "[redis]") {
  RedisServer server;
  server.Kill();
  Client client({.endpoint = server.endpoint(), .timeout = kLong});
  CHECK(client.ErrorOfLength().kind() == UnavailableKind::kConnection);
  server.Start();
  REQUIRE(Eventually([&] { return client.IsUp(); }));
  CHECK(client.Length("q") == 0);
}

TEST_CASE("a Redis that is still loading its data says so, and never answers 0", "[redis]") {
  RedisServer server({"--loading-process-events-interval-bytes", "1024", "--rdbcompression", "no"});
  const std::string value(2000, 'x');
  for (int i = 0; i < 1000; ++i) server.Command({"RPUSH", "q" + std::to_string(i), value});
  server.Command({"SAVE"});
  server.Kill();
  server.Start({"--key-load-delay", "100000"});

  Client client({.endpoint = server.endpoint(), .timeout = kLong});
  const auto read = [&] { return ReadQueues(client, {"q0"}).at(0); };
  const auto error = ErrorOf(read);
  CHECK(error.kind() == UnavailableKind::kLoading);
  CHECK_THAT(error.what(), ContainsText(R"(LLEN of the key "q0" was answered "LOADING )"));
  CHECK(client.IsUp());

  server.Command({"CONFIG", "SET", "key-load-delay", "0"});
  REQUIRE(Eventually([&] { return ErrorOf(read).kind() != UnavailableKind::kLoading; }));
  CHECK(read() == 1);
}

TEST_CASE("a replica that has lost its master says so, and never answers 0", "[redis]") {
  RedisServer server({"--replica-serve-stale-data", "no"});
  server.Command({"RPUSH", "q", "a"});
  server.Command({"REPLICAOF", "127.0.0.1", std::to_string(FreePort())});
  Client client({.endpoint = server.endpoint(), .timeout = kLong});
  const auto read = [&] { return ReadQueues(client, {"q"}).at(0); };
  const auto error = ErrorOf(read);
  CHECK(error.kind() == UnavailableKind::kLoading);
  CHECK_THAT(error.what(), ContainsText(R"(was answered "MASTERDOWN)"));
  server.Command({"REPLICAOF", "NO", "ONE"});
  CHECK(read() == 1);
}

TEST_CASE("no thread gets a wrong number or is stuck while Redis dies and comes back", "[redis]") {
  RedisServer server;
  constexpr int kKeys = 8;
  const auto fill = [&] {
    for (int key = 1; key <= kKeys; ++key) {
      for (int i = 0; i < key; ++i) server.Command({"RPUSH", "q" + std::to_string(key), "job"});
    }
  };
  fill();
  Client client({.endpoint = server.endpoint(), .timeout = kLong});
  std::atomic<int> wrong = 0;
  std::atomic<int> right = 0;
  {
    std::vector<std::jthread> threads;
    for (int key = 1; key <= kKeys; ++key) {
      threads.emplace_back([&, key](const std::stop_token& stop) {
        const std::string name = "q" + std::to_string(key);
        while (!stop.stop_requested()) {
          try {
            // 0 for a moment is the truth: a Redis without persistence comes back empty.
            const std::int64_t length = client.Length(name);
            if (length < 0 || length > key) ++wrong;
            ++right;
          } catch (const MetricUnavailableError&) {
            std::this_thread::sleep_for(1ms);  // An error is right while Redis is away.
          }
        }
      });
    }
    for (int round = 0; round < 5; ++round) {
      const int before = right;
      REQUIRE(Eventually([&] { return right > before + 100; }));
      server.Kill();
      REQUIRE(Eventually([&] { return !client.IsUp(); }));
      server.Start();
      fill();
      REQUIRE(Eventually([&] { return client.IsUp(); }));
    }
  }
  CHECK(wrong == 0);
  for (int key = 1; key <= kKeys; ++key) CHECK(client.Length("q" + std::to_string(key)) == key);
}

}  // namespace
}  // namespace test
