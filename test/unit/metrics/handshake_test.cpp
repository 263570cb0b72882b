#include "metrics/redis/handshake.h"

#include <optional>
#include <string>

#include "test/support/catch.h"

namespace metrics::redis {
namespace {

Reply Status(std::string text) { return {.type = Reply::Type::kStatus, .text = std::move(text)}; }
Reply Error(std::string text) { return {.type = Reply::Type::kError, .text = std::move(text)}; }

TEST_CASE("the handshake sends no more than is needed", "[redis]") {
  struct Case {
    Credentials credentials;
    std::uint32_t database;
    std::string bytes;
  };
  const std::string ping = "*1\r\n$4\r\nPING\r\n";
  const auto example = GENERATE_COPY(values<Case>({
      {{}, 0, ping},
      {{}, 12, "*2\r\n$6\r\nSELECT\r\n$2\r\n12\r\n" + ping},
      {{"", "pw"}, 0, "*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n" + ping},
      {{"me", "pw"}, 0, "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$2\r\npw\r\n" + ping},
      {{"me", ""}, 0, "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$0\r\n\r\n" + ping},
      {{"me", "pw"}, 1, "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$2\r\npw\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n" + ping},
  }));
  CHECK(Handshake(example.credentials, example.database).bytes() == example.bytes);
}

Reply HelloReply(std::int64_t protocol) {
  const Reply number{.type = Reply::Type::kInteger, .integer = protocol};
  const auto text = [](std::string of) { return Reply{.type = Reply::Type::kString, .text = std::move(of)}; };
  return {.type = Reply::Type::kArray, .elements = {text("server"), text("redis"), text("proto"), number}};
}

TEST_CASE("RESP3 is asked for together with the credentials", "[redis]") {
  struct Case {
    Credentials credentials;
    std::string hello;
  };
  const auto example = GENERATE(values<Case>({
      {{}, "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n"},
      {{"", "pw"}, "*5\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n$7\r\ndefault\r\n$2\r\npw\r\n"},
      {{"me", ""}, "*5\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$0\r\n\r\n"},
  }));
  Handshake handshake(example.credentials, 0, Protocol::kResp3);
  CHECK(handshake.bytes() == example.hello + "*1\r\n$4\r\nPING\r\n");
  CHECK_FALSE(handshake.Take(HelloReply(3)));
  CHECK_FALSE(handshake.Take(Status("PONG")));
  CHECK(handshake.done());
}

TEST_CASE("a server that does not speak RESP3 is not spoken to in RESP2 instead", "[redis]") {
  struct Case {
    Reply reply;
    UnavailableKind kind;
    std::string what;
  };
  const std::string no_resp3 = "does not speak RESP3, which is configured for it";
  const auto example = GENERATE_COPY(values<Case>({
      {Error("NOPROTO unsupported protocol version"), UnavailableKind::kProtocol, no_resp3},
      {Error("ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `me`, `hunter2`, "),
       UnavailableKind::kProtocol, no_resp3},
      {HelloReply(2), UnavailableKind::kProtocol, "does not answer as Redis does"},
      {Status("OK"), UnavailableKind::kProtocol, "does not answer as Redis does"},
      {Error("WRONGPASS invalid username-password pair or user is disabled."), UnavailableKind::kAuth,
       "refused the credentials (WRONGPASS)"},
      {Error("NOAUTH HELLO must be called with the client already authenticated"), UnavailableKind::kAuth,
       "requires credentials (NOAUTH)"},
      {Error("LOADING hunter2"), UnavailableKind::kLoading, "refused HELLO (LOADING)"},
      {Error("hunter2"), UnavailableKind::kServer, "refused HELLO"},
  }));
  Handshake handshake({"me", "hunter2"}, 0, Protocol::kResp3);
  const auto refusal = handshake.Take(example.reply);
  REQUIRE(refusal);
  CHECK(refusal->kind == example.kind);
  CHECK(refusal->text == example.what);
}

TEST_CASE("the handshake is done when all of it is answered", "[redis]") {
  Handshake handshake({"me", "pw"}, 3);
  for (const char* answer : {"OK", "OK", "PONG"}) {
    CHECK_FALSE(handshake.done());
    CHECK_FALSE(handshake.Take(Status(answer)));
  }
  CHECK(handshake.done());
}

TEST_CASE("an error in answer to PING proves that Redis is alive", "[redis]") {
  const auto error = GENERATE(values<std::string>({
      "NOPERM this user has no permissions to run the 'ping' command",
      "LOADING Redis is loading the dataset in memory",
      "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
      "BUSY Redis is busy running a script.",
      "ERR unknown command 'PING'",
  }));
  Handshake handshake({}, 0);
  CHECK_FALSE(handshake.Take(Error(error)));
  CHECK(handshake.done());
}

TEST_CASE("a refused handshake says why, and never shows the password", "[redis]") {
  struct Case {
    int step;  // 0: AUTH, 1: SELECT, 2: PING
    Reply reply;
    UnavailableKind kind;
    std::string what;
  };
  const auto example = GENERATE(values<Case>({
      {0, Error("WRONGPASS invalid username-password pair or user is disabled."), UnavailableKind::kAuth,
       "refused the credentials (WRONGPASS)"},
      {0, Error("NOPERM hunter2"), UnavailableKind::kAuth, "refused the credentials (NOPERM)"},
      {0, Error("ERR AUTH <password> called without any password configured for the default user. Are you sure?"),
       UnavailableKind::kAuth, "refused the password because none is configured there"},
      {0, Error("ERR Client sent AUTH, but no password is set"), UnavailableKind::kAuth,
       "refused the password because none is configured there"},
      {0, Error("ERR unknown command `AUTH`, with args beginning with: `hunter2`, "), UnavailableKind::kAuth,
       "refused the credentials"},
      {0, Error("hunter2"), UnavailableKind::kAuth, "refused the credentials"},
      {0, Error("ERR max number of clients reached"), UnavailableKind::kServer,
       R"(refused the connection: "ERR max number of clients reached")"},
      {0, Error("DENIED Redis is running in protected mode"), UnavailableKind::kAuth,
       R"(refused the connection: "DENIED Redis is running in protected mode")"},
      {0, Error("LOADING"), UnavailableKind::kLoading, "refused the credentials (LOADING)"},
      {1, Error("ERR DB index is out of range"), UnavailableKind::kServer,
       R"(refused SELECT 3: "ERR DB index is out of range")"},
      {1, Error("NOPERM this user has no permissions to run the 'select' command"), UnavailableKind::kAuth,
       R"(refused SELECT 3: "NOPERM this user has no permissions to run the 'select' command")"},
      {1, Error("NOAUTH Authentication required."), UnavailableKind::kAuth, "requires credentials (NOAUTH)"},
      {2, Error("NOAUTH Authentication required."), UnavailableKind::kAuth, "requires credentials (NOAUTH)"},
      {2, Error("ERR max number of clients reached"), UnavailableKind::kServer,
       R"(refused the connection: "ERR max number of clients reached")"},
      {2,
       {.type = Reply::Type::kArray, .elements = {Status("PING")}},
       UnavailableKind::kProtocol,
       "does not answer as Redis does"},
  }));
  Handshake handshake({"me", "hunter2"}, 3);
  for (int i = 0; i < example.step; ++i) REQUIRE_FALSE(handshake.Take(Status("OK")));
  const auto refusal = handshake.Take(example.reply);
  REQUIRE(refusal);
  CHECK(refusal->kind == example.kind);
  CHECK(refusal->text == example.what);
}

}  // namespace
}  // namespace metrics::redis
