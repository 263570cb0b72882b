// Names, with a getaddrinfo() of our own that can be slow and can find several addresses.
#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include <dlfcn.h>
#include <netdb.h>

#include "metrics/redis/redis_connection.h"
#include "test/integration/redis/redis_test.h"
#include "test/support/catch.h"
#include "test/support/redis_server.h"

namespace {

std::atomic<bool> lookups_hang = false;
std::atomic<int> lookups = 0;

}  // namespace

// Takes the place of the C library's. Only names that end in ".test" are special, and none of them leaves the machine.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** found) {
  using Function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const auto real = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  const std::string name = node;
  const bool numeric = hints != nullptr && (hints->ai_flags & AI_NUMERICHOST) != 0;
  if (numeric || !name.ends_with(".test")) return real(node, service, hints, found);
  ++lookups;
  while (lookups_hang) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  if (name == "unknown.test") return EAI_NONAME;
  if (name == "two.test") {
    // Nobody listens on the first of the two.
    const int code = real("127.0.0.2", service, hints, found);
    return code != 0 ? code : real("127.0.0.1", service, hints, &(*found)->ai_next);
  }
  return real("127.0.0.1", service, hints, found);
}

namespace test {
namespace {

metrics::redis::RedisOptions Options(const std::string& host, std::uint16_t port,
                                     std::chrono::milliseconds timeout = kLong) {
  return {.endpoint = {.host = host, .port = port}, .timeout = timeout};
}

TEST_CASE("a name is resolved, and every address it has is tried", "[redis]") {
  RedisServer server;
  const auto host = GENERATE(values<std::string>({"one.test", "two.test", "localhost"}));
  Client client(Options(host, server.port()));
  CHECK(client.Length("q") == 0);
  CHECK(client.connection.subject() == "Redis at " + host + ":" + std::to_string(server.port()));
}

TEST_CASE("a name that does not exist is told", "[redis]") {
  Client client(Options("unknown.test", 6379));
  const auto error = client.ErrorOfLength();
  CHECK(error.kind() == UnavailableKind::kConnection);
  CHECK(error.what() == std::string("Redis at unknown.test:6379 cannot be resolved: Name or service not known"));
  REQUIRE(Eventually([before = lookups.load()] { return lookups > before; }));
}

TEST_CASE("a lookup that hangs delays only its own connection, and is used when it ends", "[redis]") {
  RedisServer server;
  metrics::redis::EventLoop loop;
  const LoopThread thread(loop);
  RecordingObserver observer;
  lookups_hang = true;
  metrics::redis::RedisConnection slow(loop, Options("slow.test", server.port(), kShort), observer);
  metrics::redis::RedisConnection quick(loop, Options("127.0.0.1", server.port()), observer);

  const auto ask = [](metrics::redis::RedisConnection& connection) {
    metrics::redis::Batch batch;
    batch.Add({"LLEN", "q"});
    return Call(connection, std::move(batch), std::chrono::steady_clock::now() + kLong).at(0).integer;
  };
  const auto error = ErrorOf([&] { ask(slow); });
  CHECK(error.kind() == UnavailableKind::kConnection);
  CHECK_THAT(error.what(), ContainsText(std::string("cannot be resolved: ") + kNoAnswerWithinShort));
  CHECK(ask(quick) == 0);
  CHECK_THAT(ErrorOf([&] { ask(slow); }).what(), ContainsText("cannot be resolved"));

  lookups_hang = false;
  REQUIRE(Eventually([&] { return slow.status().up; }));
  CHECK(ask(slow) == 0);
}

TEST_CASE("a connection can be destroyed while its lookup hangs", "[redis]") {
  lookups_hang = true;
  const int before = lookups;
  {
    Client client(Options("slow.test", 6379));
    REQUIRE(Eventually([&] { return lookups > before; }));
  }
  lookups_hang = false;
}

}  // namespace
}  // namespace test
