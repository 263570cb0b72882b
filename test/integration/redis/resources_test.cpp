// What a connection takes from the operating system, it gives back.
#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <iterator>
#include <latch>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "metrics/redis/redis_connection.h"
#include "test/integration/redis/redis_test.h"
#include "test/support/catch.h"
#include "test/support/redis_server.h"
#include "test/support/scripted_server.h"

namespace test {
namespace {

/// 0 where /proc is not mounted, as in a bare chroot: there the tests show only that nothing hangs.
std::ptrdiff_t Count(const char* folder) {
  std::error_code ignored;
  return std::distance(std::filesystem::directory_iterator(folder, ignored), std::filesystem::directory_iterator());
}

std::ptrdiff_t Descriptors() { return Count("/proc/self/fd"); }
std::ptrdiff_t Threads() { return Count("/proc/self/task"); }

TEST_CASE("connections leave no descriptor and no thread behind, whatever happens to them", "[redis]") {
  const auto threads = Threads();
  RedisServer server;
  ScriptedServer broken([](Peer& peer) {
    peer.AnswerHandshake();
    peer.ReadUntil("q\r\n");
    peer.Write("garbage\r\n");
  });
  const BlackHole hole;
  const auto use_all = [&] {
    const int accepted = broken.accepted();
    Client good({.endpoint = server.endpoint(), .timeout = kLong});
    Client bad({.endpoint = {.port = broken.port()}, .timeout = kLong});
    Client unreachable({.endpoint = {.port = hole.port()}, .timeout = 20ms});
    Client refused({.endpoint = {.port = FreePort()}, .timeout = kLong});
    Client missing({.endpoint = {.unix_path = "/nowhere"}, .timeout = kLong});
    good.Length("q");
    for (Client* client : {&bad, &unreachable, &refused, &missing}) client->ErrorOfLength();
    REQUIRE(Eventually([&] { return broken.accepted() >= accepted + 2; }));  // Others will have tried again as well.
  };
  use_all();  // What is opened once and kept is open now.
  const auto descriptors = Descriptors();
  for (int i = 0; i < 10; ++i) use_all();
  CHECK(Eventually([&] { return Descriptors() <= descriptors; }));
  // One more: that of the scripted server.
  CHECK(Eventually([&] { return Threads() <= threads + 1; }));
}

TEST_CASE("a connection that is lost again and again holds one socket", "[redis]") {
  ScriptedServer server([](Peer& peer) { peer.AnswerHandshake(); });
  Client client({.endpoint = {.port = server.port()}, .timeout = kLong});
  REQUIRE(Eventually([&] { return server.accepted() > 1; }));
  const auto descriptors = Descriptors();
  REQUIRE(Eventually([&, before = server.accepted()] { return server.accepted() > before + 5; }));
  CHECK(Descriptors() <= descriptors + 2);  // The two ends of a connection, which may have been closed just then.
}

TEST_CASE("a connection can be destroyed while callers wait, and they get an error", "[redis]") {
  RedisServer server;
  for (int round = 0; round < 5; ++round) {
    metrics::redis::EventLoop loop;
    const LoopThread thread(loop);
    RecordingObserver observer;
    auto connection = std::make_unique<metrics::redis::RedisConnection>(
        loop, metrics::redis::RedisOptions{.endpoint = server.endpoint(), .timeout = kLong}, observer);
    REQUIRE(Eventually([&] { return connection->status().up; }));
    server.Freeze();
    constexpr int kCallers = 8;
    std::atomic<int> answered = 0;
    for (int i = 0; i < kCallers; ++i) {
      metrics::redis::Batch batch;
      batch.Add({"LLEN", "q"});
      connection->Send(std::move(batch), std::chrono::steady_clock::now() + kLong, [&](metrics::redis::Result result) {
        const auto* error = std::get_if<metrics::redis::Failure>(&result);
        if (error != nullptr && error->kind == UnavailableKind::kConnection) ++answered;
      });
    }
    std::string text;
    std::latch asked(1);
    std::promise<metrics::redis::Result> result;
    std::jthread blocked([&, &source = *connection] {
      metrics::redis::Batch batch;
      batch.Add({"LLEN", "q"});
      source.Send(std::move(batch), std::chrono::steady_clock::now() + kLong,
                  [&](metrics::redis::Result settled) { result.set_value(std::move(settled)); });
      asked.count_down();
      text = std::get<metrics::redis::Failure>(result.get_future().get()).text;
    });
    asked.wait();
    connection.reset();
    blocked.join();
    CHECK(answered == kCallers);
    CHECK_THAT(text, ContainsText("the server shuts down"));
    server.Thaw();
  }
}

}  // namespace
}  // namespace test
