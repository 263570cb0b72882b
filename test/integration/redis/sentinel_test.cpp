// Real Sentinels with a real master and replica: found, followed when it fails over, and never a replica's number.
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "metrics/redis/sentinel_source.h"
#include "test/integration/redis/redis_test.h"
#include "test/integration/redis/source_client.h"
#include "test/support/catch.h"
#include "test/support/redis_server.h"
#include "test/support/scripted_server.h"
#include "test/support/tls_files.h"

namespace test {
namespace {

using metrics::redis::Protocol;
using metrics::redis::RedisEndpoint;
using metrics::redis::SentinelOptions;
using Clock = std::chrono::steady_clock;
using Client = SourceClient<metrics::redis::SentinelSource>;

RedisEndpoint At(std::uint16_t port) {
  RedisEndpoint endpoint;
  endpoint.port = port;
  return endpoint;
}

// For how many milliseconds a master may be silent. One that is only slow must not be taken for lost.
constexpr auto kNeverDown = "600000";
constexpr auto kSoonDown = "3000";

/// A master, a replica, and Sentinels that call the master "jobs" and take it for lost after `down_after` milliseconds
/// of silence.
class Watched {
 public:
  explicit Watched(int sentinels = 3, const char* down_after = kNeverDown)
      : first({"--repl-diskless-sync-delay", "0"}) {
    second.Command({"REPLICAOF", "127.0.0.1", std::to_string(first.port())});
    REQUIRE(Eventually([&] { return second.Command({"ROLE"}).elements.at(3).text == "connected"; }));
    const std::string port = std::to_string(first.port());
    for (int i = 0; i < sentinels; ++i) {
      watchers.push_back(RedisServer::Sentinel("sentinel monitor jobs 127.0.0.1 " + port + " " +
                                               std::to_string(sentinels / 2 + 1) +
                                               "\n"
                                               "sentinel down-after-milliseconds jobs " +
                                               down_after +
                                               "\n"
                                               "sentinel failover-timeout jobs 5000\n"));
    }
    REQUIRE(Eventually([&] { return IsReady(); }));
  }

  SentinelOptions options() const {
    SentinelOptions options{.master_name = "jobs", .sentinels = {}, .timeout = kLong, .name = "jobs"};
    for (const auto& watcher : watchers) options.sentinels.push_back(At(watcher->port()));
    return options;
  }

  /// What the first Sentinel says the port of the master is.
  std::uint16_t MasterPort() {
    const auto reply = watchers[0]->Command({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", "jobs"});
    return static_cast<std::uint16_t>(std::stoi(reply.elements.at(1).text));
  }

  RedisServer first;
  RedisServer second;
  std::vector<std::unique_ptr<RedisServer>> watchers;

 private:
  /// The Sentinels know each other and the replica.
  bool IsReady() {
    for (const auto& watcher : watchers) {
      const auto sentinels = watcher->Command({"SENTINEL", "SENTINELS", "jobs"});
      const auto replicas = watcher->Command({"SENTINEL", "REPLICAS", "jobs"});
      if (sentinels.elements.size() + 1 != watchers.size() || replicas.elements.empty()) return false;
    }
    return true;
  }
};

std::string Role(RedisServer& server) { return server.Command({"ROLE"}).elements.at(0).text; }

TEST_CASE("the master is found by asking Sentinels, even if some are dead", "[redis][sentinel]") {
  const auto protocol = GENERATE(Protocol::kResp2, Protocol::kResp3);
  INFO("RESP" << static_cast<int>(protocol));
  Watched redis;
  redis.first.Command({"RPUSH", "q", "a", "b"});
  SentinelOptions options = redis.options();
  options.protocol = protocol;
  redis.watchers[2]->Kill();
  options.sentinels.insert(options.sentinels.begin(), At(FreePort()));
  Client client(options);
  CHECK(client.Length("q") == 2);
  CHECK(Eventually([&] { return client.source.status().up; }));
  CHECK(client.source.subject() == R"(Redis master "jobs")");
  CHECK(Eventually([&] { return client.observer.ToldUp("jobs"); }));
  CHECK(client.observer.Losses() == "");
}

TEST_CASE("a master that no Sentinel tells is an error that says why", "[redis][sentinel]") {
  RedisServer redis;
  const bool is_there = GENERATE(true, false);
  const auto port = is_there ? redis.port() : FreePort();
  const std::string text =
      is_there ? "answered \"ERR unknown command 'SENTINEL'" : "cannot be reached: Connection refused";
  Client client(SentinelOptions{.master_name = "jobs", .sentinels = {At(port)}, .timeout = kLong});
  const auto error = ErrorOf([&] { client.Length("q"); });
  CHECK_THAT(error.what(),
             ContainsText(R"(Redis master "jobs" is not told by any of its Sentinels: Redis at 127.0.0.1:)" +
                          std::to_string(port) + " " + text));
  CHECK(client.source.status().cause == error.what());
  CHECK_FALSE(client.source.status().up);
}

TEST_CASE("a name that the Sentinels do not know is told", "[redis][sentinel]") {
  Watched redis(1);
  SentinelOptions options = redis.options();
  options.master_name = "mails";
  Client client(options);
  CHECK_THAT(ErrorOf([&] { client.Length("q"); }).what(), ContainsText("knows no such master"));
}

TEST_CASE("Sentinels and masters may want different passwords, and the master grants no more than ROLE besides",
          "[redis][sentinel]") {
  Watched redis(1);
  redis.watchers[0]->Command({"ACL", "SETUSER", "default", "resetpass", ">sentinel-secret"});
  redis.first.Command({"ACL", "SETUSER", "reader", "on", ">master-secret", "~q", "+llen", "+ping", "+role"});
  redis.first.Command({"RPUSH", "q", "a"});
  SentinelOptions options = redis.options();
  options.sentinel_credentials = [] { return metrics::redis::Credentials{"", "sentinel-secret"}; };
  options.credentials = [] { return metrics::redis::Credentials{"reader", "master-secret"}; };
  {
    Client client(options);
    CHECK(client.Length("q") == 1);
  }
  redis.first.Command({"ACL", "SETUSER", "reader", "-role"});
  {
    Client client(options);
    const auto error = ErrorOf([&] { client.Length("q"); });
    CHECK(error.kind() == UnavailableKind::kAuth);
    CHECK_THAT(error.what(), ContainsText("refused ROLE: \"NOPERM"));
  }
  options.sentinel_credentials = [] { return metrics::redis::Credentials{"", "wrong-secret"}; };
  Client client(options);
  const auto error = ErrorOf([&] { client.Length("q"); });
  CHECK(error.kind() == UnavailableKind::kAuth);
  CHECK_THAT(error.what(), !ContainsText("secret"));
}

/// The script of a Sentinel that says where the master is, but not since when, and takes its time for it.
ScriptedServer::Script TellMaster(std::uint16_t port, std::chrono::milliseconds time = {}) {
  return
      [time, answer = "*2\r\n$9\r\n127.0.0.1\r\n$5\r\n" + std::to_string(port) + "\r\n-ERR not told\r\n"](Peer& peer) {
        peer.AnswerHandshake();
        while (!peer.ReadUntil("MASTER\r\n").empty()) {
          std::this_thread::sleep_for(time);
          if (!peer.Write(answer)) return;
        }
      };
}

TEST_CASE("a server that the Sentinels call the master, but that says it is a replica, is not believed",
          "[redis][sentinel]") {
  RedisServer master;
  RedisServer replica;
  master.Command({"RPUSH", "q", "a", "b"});
  replica.Command({"REPLICAOF", "127.0.0.1", std::to_string(master.port())});
  ScriptedServer sentinel(TellMaster(replica.port()));
  Client client(SentinelOptions{.master_name = "jobs", .sentinels = {At(sentinel.port())}, .timeout = kLong});
  const auto error = ErrorOf([&] { client.Length("q"); });
  CHECK(error.kind() == UnavailableKind::kLoading);
  CHECK(error.what() == "Redis at 127.0.0.1:" + std::to_string(replica.port()) + " is a replica, not the master");
}

TEST_CASE("the first answer of a Sentinel may take as long as any other", "[redis][sentinel]") {
  RedisServer master;
  master.Command({"RPUSH", "q", "a", "b"});
  ScriptedServer sentinel(TellMaster(master.port(), 700ms));
  Client client(SentinelOptions{.master_name = "jobs", .sentinels = {At(sentinel.port())}, .timeout = kLong});
  CHECK(client.Length("q") == 2);
}

TEST_CASE("a master that becomes a replica under an open connection gives not one more number", "[redis][sentinel]") {
  Watched redis(1);
  redis.first.Command({"RPUSH", "q", "a"});
  Client client(redis.options());
  REQUIRE(client.Length("q") == 1);
  redis.watchers[0]->Freeze();  // It would mend that, and close our connection.
  const auto clients = [&] { return redis.first.Command({"CLIENT", "LIST", "TYPE", "NORMAL"}).text; };
  const std::string before = clients();
  const auto ours = before.rfind("id=", before.find(" cmd=role"));
  const std::string id = before.substr(ours, before.find(' ', ours) - ours);
  redis.first.Command({"REPLICAOF", "127.0.0.1", std::to_string(redis.second.port())});
  REQUIRE_THAT(clients(), ContainsText(id + " "));
  const auto error = ErrorOf([&] { client.Length("q"); });
  CHECK(error.kind() == UnavailableKind::kLoading);
  CHECK_THAT(error.what(), ContainsText("is a replica, not the master"));
  CHECK_FALSE(client.source.status().up);
  redis.watchers[0]->Thaw();
}

/// One number that only a master can know: each write makes it larger, on whichever master takes it.
TEST_CASE("failovers under load give no wrong number, and the right one again soon", "[redis][sentinel]") {
  const bool is_crash = GENERATE(true, false);
  INFO((is_crash ? "kill -9" : "SENTINEL FAILOVER"));
  Watched redis(3, is_crash ? kSoonDown : kNeverDown);
  redis.first.Command({"RPUSH", "q", "a", "b", "c"});
  REQUIRE(redis.first.Command({"WAIT", "1", "10000"}).integer == 1);
  Client client(redis.options());
  REQUIRE(client.Length("q") == 3);
  Readers readers;
  std::atomic<std::int64_t> most = 3;   // What may be read by now.
  std::atomic<std::int64_t> least = 3;  // What must be read at least: written to the promoted one.
  for (int i = 0; i < 4; ++i) {
    readers.Add([&] {
      const std::int64_t must = least;
      const std::int64_t length = client.Length("q");
      return length >= must && length <= most;
    });
  }
  REQUIRE(Eventually([&] { return readers.right > 200; }));

  RedisServer& old = redis.first;
  if (is_crash) {
    old.Kill();
  } else {
    redis.watchers[0]->Command({"SENTINEL", "FAILOVER", "jobs"});
  }
  REQUIRE(Eventually([&] { return Role(redis.second) == "master"; }));
  const auto promoted = Clock::now();
  most = 5;
  redis.second.Command({"RPUSH", "q", "d", "e"});
  REQUIRE(Eventually([&] { return redis.MasterPort() == redis.second.port(); }));
  // From the moment the Sentinels say so, nothing but the new master's number is right.
  const int before = readers.right;
  REQUIRE(Eventually([&] { return client.Reads("q", 5); }));
  const auto mended = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - promoted);
  WARN("right again " << mended.count() << " ms after the promotion, " << readers.errors << " errors");
  least = 5;
  REQUIRE(Eventually([&] { return readers.right > before + 200; }));
  CHECK(readers.wrong == 0);
  CHECK(Eventually([&] { return client.source.status().up; }));
}

TEST_CASE("a master that was cut off from its Sentinels and replaced is left when the Sentinels say so",
          "[redis][sentinel]") {
  Watched redis(3, kSoonDown);
  redis.first.Command({"RPUSH", "q", "a"});
  REQUIRE(redis.first.Command({"WAIT", "1", "10000"}).integer == 1);
  Client client(redis.options());
  REQUIRE(client.Length("q") == 1);
  // Frozen for longer than they wait, it does not know that it was replaced when it goes on.
  redis.first.Freeze();
  REQUIRE(Eventually([&] { return redis.MasterPort() == redis.second.port(); }));
  redis.second.Command({"RPUSH", "q", "b"});
  REQUIRE(Eventually([&] { return client.Reads("q", 2); }));
  redis.first.Thaw();  // It still says that it is the master.
  for (int i = 0; i < 200; ++i) CHECK(client.Length("q") == 2);
}

TEST_CASE("Sentinels that are gone do not take a working master with them", "[redis][sentinel]") {
  Watched redis(1);
  redis.first.Command({"RPUSH", "q", "a"});
  Client client(redis.options());
  REQUIRE(client.Length("q") == 1);
  redis.watchers[0]->Kill();
  std::this_thread::sleep_for(600ms);  // Two questions go unanswered.
  CHECK(client.Length("q") == 1);
  CHECK(Eventually([&] { return client.source.status().up; }));
}

}  // namespace
}  // namespace test
