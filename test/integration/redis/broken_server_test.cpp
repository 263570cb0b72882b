// Servers that do what Redis does not: silence, garbage, half answers.
#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "metrics/redis/redis_connection.h"
#include "test/integration/redis/redis_test.h"
#include "test/support/catch.h"
#include "test/support/scripted_server.h"

namespace test {
namespace {

metrics::redis::RedisOptions Options(std::uint16_t port, std::chrono::milliseconds timeout = kLong) {
  return {.endpoint = {.port = port}, .timeout = timeout};
}

TEST_CASE("a connect that is never answered fails in time", "[redis]") {
  const BlackHole hole;
  Client client(Options(hole.port(), kShort));
  const auto error = client.ErrorOfLength();
  CHECK(error.kind() == UnavailableKind::kConnection);
  CHECK(error.what() == client.connection.subject() + " cannot be reached: " + kNoAnswerWithinShort);
  CHECK(client.ErrorOfLength().what() == std::string(error.what()));

  Client hasty(Options(hole.port(), kLong));
  const auto timeout = hasty.ErrorOfLength(kShort);
  CHECK(timeout.kind() == UnavailableKind::kTimeout);
  CHECK_THAT(timeout.what(), ContainsText(hasty.connection.subject() + " could not be connected within "));
  CHECK(hasty.Cause() == hasty.connection.subject() + " is not connected yet");
}

TEST_CASE("a server that accepts and says nothing is never up", "[redis]") {
  ScriptedServer server([](Peer& peer) { peer.WaitForEnd(); });
  Client client(Options(server.port(), kShort));
  const auto error = client.ErrorOfLength();
  CHECK(error.kind() == UnavailableKind::kTimeout);
  CHECK(error.what() ==
        client.connection.subject() + " accepts connections but does not answer: " + kNoAnswerWithinShort);
  REQUIRE(Eventually([&] { return server.accepted() >= 3; }));
  for (const auto& change : client.observer.changes()) CHECK_FALSE(change.up);
}

TEST_CASE("a server that is not Redis is not taken for it", "[redis]") {
  struct Case {
    std::string description;
    std::string answer;
    UnavailableKind kind;
    std::string text;
  };
  const auto example = GENERATE(values<Case>({
      {"closes at once", "", UnavailableKind::kConnection,
       "closed the connection during the handshake, as one does that expects TLS"},
      {"closes in the middle", "+PO", UnavailableKind::kConnection, "closed the connection during the handshake"},
      {"speaks HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n", UnavailableKind::kProtocol,
       "answered what is not RESP: Protocol error, got \"H\" as reply type byte during the handshake"},
      {"sends back what it gets", "*1\r\n$4\r\nPING\r\n", UnavailableKind::kProtocol, "does not answer as Redis does"},
      {"wants no more clients", "-ERR max number of clients reached\r\n", UnavailableKind::kServer,
       R"(refused the connection: "ERR max number of clients reached")"},
      {"is protected", "-DENIED Redis is running in protected mode\r\n", UnavailableKind::kAuth,
       R"(refused the connection: "DENIED Redis is running in protected mode")"},
  }));
  INFO(example.description);
  ScriptedServer server([&](Peer& peer) {
    peer.ReadUntil("PING\r\n");
    peer.Write(example.answer);
  });
  Client client(Options(server.port()));
  const auto error = client.ErrorOfLength();
  CHECK(error.kind() == example.kind);
  CHECK(error.what() == client.connection.subject() + " " + example.text);
  REQUIRE(Eventually([&] { return server.accepted() >= 2; }));
}

TEST_CASE("a request is tried on one more connection, and not on a third", "[redis]") {
  ScriptedServer server([](Peer& peer) {
    peer.AnswerHandshake();
    peer.ReadUntil("\r\nq\r\n");
    peer.Write(":1");  // Half an answer.
  });
  Client client(Options(server.port()));
  const auto error = client.ErrorOfLength();
  CHECK(error.kind() == UnavailableKind::kConnection);
  CHECK(error.what() == client.connection.subject() + " closed the connection");
  CHECK(server.accepted() >= 2);
}

TEST_CASE("a request whose connection is lost is answered by the next", "[redis]") {
  std::atomic<int> connections = 0;
  ScriptedServer server([&](Peer& peer) {
    const bool first = ++connections == 1;
    peer.AnswerHandshake();
    peer.ReadUntil("\r\nq\r\n");
    if (first) return;
    peer.Write(":7\r\n");
    peer.WaitForEnd();
  });
  Client client(Options(server.port()));
  CHECK(client.Length("q") == 7);
  CHECK(connections == 2);
}

TEST_CASE("who still has time when a silent connection is given up is answered by the next", "[redis]") {
  std::atomic<int> connections = 0;
  ScriptedServer server([&](Peer& peer) {
    const bool first = ++connections == 1;
    peer.AnswerHandshake();
    if (!first) {
      peer.ReadUntil("\r\nq\r\n");
      peer.Write(":7\r\n");
    }
    peer.WaitForEnd();
  });
  Client client(Options(server.port(), kShort));
  REQUIRE(Eventually([&] { return client.IsUp(); }));
  CHECK(client.Length("q") == 7);
  CHECK(connections == 2);
}

TEST_CASE("an unreadable answer fails the request it answers, and others are asked again", "[redis]") {
  struct Case {
    std::string answer;
    UnavailableKind kind;
    std::string text;
  };
  const auto example = GENERATE(values<Case>({
      {"!\r\n", UnavailableKind::kProtocol, "answered what is not RESP"},
      {":abc\r\n", UnavailableKind::kProtocol, "answered what is not RESP"},
      {"*100000\r\n", UnavailableKind::kTooLarge, "answered with an array that is too large"},
      {"$100000000\r\n" + std::string(17'000'000, 'x'), UnavailableKind::kTooLarge,
       "answered with a reply longer than 16777216 bytes"},
  }));
  std::atomic<int> connections = 0;
  ScriptedServer server([&](Peer& peer) {
    const bool first = ++connections == 1;
    peer.AnswerHandshake();
    peer.ReadUntil("last\r\n");
    peer.Write(first ? example.answer : ":7\r\n");
    peer.WaitForEnd();
  });
  Client client(Options(server.port()));
  REQUIRE(Eventually([&] { return client.IsUp(); }));
  metrics::redis::Batch first;
  first.Add({"LLEN", "first"});
  std::promise<metrics::redis::Result> promise;
  client.connection.Send(std::move(first), std::chrono::steady_clock::now() + kLong,
                         [&](metrics::redis::Result result) { promise.set_value(std::move(result)); });
  CHECK(client.Length("last") == 7);
  const auto result = promise.get_future().get();
  const auto* error = std::get_if<metrics::redis::Failure>(&result);
  REQUIRE(error != nullptr);
  CHECK(error->kind == example.kind);
  CHECK_THAT(error->text, ContainsText(client.connection.subject() + " " + example.text));
}

TEST_CASE("a reply that nobody asked for ends the connection", "[redis]") {
  std::atomic<int> connections = 0;
  ScriptedServer server([&](Peer& peer) {
    peer.AnswerHandshake();
    if (++connections == 1) {
      peer.Write(":3\r\n");
    } else {
      peer.ReadUntil("q\r\n");
      peer.Write(":7\r\n");
    }
    peer.WaitForEnd();
  });
  Client client(Options(server.port()));
  REQUIRE(Eventually([&] { return connections == 2 && client.IsUp(); }));
  CHECK(client.Length("q") == 7);
  const auto changes = client.observer.changes();
  REQUIRE(changes.size() >= 2);
  CHECK_THAT(changes[changes.size() - 2].cause, ContainsText("answered what nobody asked for"));
}

TEST_CASE("a server that drips an endless answer is given up", "[redis]") {
  ScriptedServer server([](Peer& peer) {
    peer.AnswerHandshake();
    peer.ReadUntil("\r\nq\r\n");
    peer.Write("$1000\r\n");
    while (peer.Write("x")) std::this_thread::sleep_for(10ms);
  });
  Client client(Options(server.port(), kShort));
  REQUIRE(Eventually([&] { return client.IsUp(); }));
  CHECK(client.ErrorOfLength(kShort).kind() == UnavailableKind::kTimeout);
  REQUIRE(Eventually([&] { return client.observer.Losses().find("stopped answering") != std::string::npos; }));
}

TEST_CASE("a batch larger than any socket buffer is sent in pieces", "[redis]") {
  ScriptedServer server([](Peer& peer) {
    peer.AnswerHandshake();
    std::this_thread::sleep_for(50ms);
    peer.ReadUntil("\r\nthe end\r\n");
    peer.Write(":7\r\n:8\r\n");
    peer.WaitForEnd();
  });
  Client client(Options(server.port()));
  const std::string key(20'000'000, 'x');
  metrics::redis::Batch batch;
  batch.Add({"LLEN", key});
  batch.Add({"LLEN", "the end"});
  const auto replies = Call(client.connection, std::move(batch), std::chrono::steady_clock::now() + kLong);
  REQUIRE(replies.size() == 2);
  CHECK(replies[1].integer == 8);
}

}  // namespace
}  // namespace test
