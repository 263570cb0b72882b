// Who may ask: passwords, the least ACL, rotation.
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "metrics/redis/redis_connection.h"
#include "test/integration/redis/redis_test.h"
#include "test/support/catch.h"
#include "test/support/redis_server.h"

namespace test {
namespace {

using metrics::redis::Credentials;
using metrics::redis::Protocol;
using metrics::redis::RedisOptions;

RedisOptions As(const RedisServer& server, Credentials credentials, Protocol protocol = Protocol::kResp2) {
  return {.endpoint = server.endpoint(),
          .credentials = [=] { return credentials; },
          .timeout = kLong,
          .protocol = protocol};
}

bool HasNoSecret(const std::string& text) { return text.find("hunter2") == std::string::npos; }

TEST_CASE("a password is asked for, checked, and never shown", "[redis]") {
  const auto protocol = GENERATE(Protocol::kResp2, Protocol::kResp3);
  INFO("RESP" << static_cast<int>(protocol));
  RedisServer server;
  server.Command({"CONFIG", "SET", "requirepass", "hunter2"});

  Client right(As(server, {"", "hunter2"}, protocol));
  CHECK(right.Length("q") == 0);

  Client wrong(As(server, {"", "hunter2 "}, protocol));
  auto error = wrong.ErrorOfLength();
  CHECK(error.kind() == UnavailableKind::kAuth);
  CHECK(error.what() == wrong.connection.subject() + " refused the credentials (WRONGPASS)");
  CHECK(HasNoSecret(wrong.Cause()));

  Client none({.endpoint = server.endpoint(), .timeout = kLong, .protocol = protocol});
  error = none.ErrorOfLength();
  CHECK(error.kind() == UnavailableKind::kAuth);
  CHECK(error.what() == none.connection.subject() + " requires credentials (NOAUTH)");
  CHECK_FALSE(none.IsUp());
}

TEST_CASE("a password that nobody asked for is refused", "[redis]") {
  RedisServer server;
  Client client(As(server, {"", "hunter2"}));
  const auto error = client.ErrorOfLength();
  CHECK(error.kind() == UnavailableKind::kAuth);
  CHECK(error.what() == client.connection.subject() + " refused the password because none is configured there");
}

TEST_CASE("the least ACL is enough to read every type of queue, and no more than that", "[redis]") {
  const auto protocol = GENERATE(Protocol::kResp2, Protocol::kResp3);
  INFO("RESP" << static_cast<int>(protocol));
  RedisServer server;
  server.Command({"ACL", "SETUSER", "reader", "on", ">hunter2", "%R~jobs:*", "+type", "+llen", "+scard", "+zcard",
                  "+hlen", "+xlen", "+multi", "+exec", "+ping"});
  server.Command({"RPUSH", "jobs:list", "a", "b"});
  server.Command({"XADD", "jobs:stream", "*", "a", "1"});

  Client client(As(server, {"reader", "hunter2"}, protocol));
  const auto read = [&](const std::string& name) { return ReadQueues(client, {name}).at(0); };
  CHECK(read("jobs:list") == 2);
  CHECK(read("jobs:stream") == 1);
  CHECK(read("jobs:absent") == 0);

  const auto error = ErrorOf([&] { read("secrets"); });
  CHECK(error.kind() == UnavailableKind::kAuth);
  CHECK_THAT(error.what(), ContainsText(R"(: LLEN of the key "secrets" was answered "NOPERM)"));
  CHECK(client.IsUp());

  server.Command({"ACL", "SETUSER", "reader", "-xlen"});
  // Redis 8 names the user instead of calling it "this".
  const std::string refusal = ErrorOf([&] { read("jobs:stream"); }).what();
  CHECK_THAT(refusal, ContainsText(R"(was answered "NOPERM)"));
  CHECK_THAT(refusal, ContainsText("has no permissions to run the 'xlen' command"));

  CHECK(client.Ask({"RPUSH", "jobs:list", "c"}).type == metrics::redis::Reply::Type::kError);
}

TEST_CASE("a user who may not even PING is connected all the same", "[redis]") {
  RedisServer server;
  server.Command({"ACL", "SETUSER", "reader", "on", ">hunter2", "~*", "+llen"});
  Client client(As(server, {"reader", "hunter2"}));
  CHECK(client.Length("q") == 0);
  CHECK(client.IsUp());
}

TEST_CASE("a user who may not SELECT the database is told so", "[redis]") {
  RedisServer server;
  server.Command({"ACL", "SETUSER", "reader", "on", ">hunter2", "~*", "+llen", "+ping"});
  RedisOptions options = As(server, {"reader", "hunter2"});
  options.endpoint.database = 2;
  Client client(options);
  const auto error = client.ErrorOfLength();
  CHECK(error.kind() == UnavailableKind::kAuth);
  CHECK_THAT(error.what(), ContainsText(R"(refused SELECT 2: "NOPERM)"));
}

TEST_CASE("a rotated password is picked up from its file", "[redis]") {
  RedisServer server;
  server.Command({"CONFIG", "SET", "requirepass", "first"});
  const std::string file = server.folder() / "password";
  std::ofstream(file) << "first";
  Client client({.endpoint = server.endpoint(),
                 .credentials =
                     [&file] {
                       std::ifstream in(file);
                       if (!in) throw std::runtime_error("the password file cannot be read");
                       return Credentials{"", {std::istreambuf_iterator<char>(in), {}}};
                     },
                 .timeout = kLong});
  CHECK(client.Length("q") == 0);

  server.Command({"CONFIG", "SET", "requirepass", "second"});
  server.Command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  REQUIRE(Eventually([&] { return client.Cause().find("WRONGPASS") != std::string::npos; }));
  CHECK(client.ErrorOfLength().kind() == UnavailableKind::kAuth);

  std::filesystem::remove(file);
  REQUIRE(Eventually([&] {
    return client.Cause() ==
           client.connection.subject() + " cannot be given credentials: the password file cannot be read";
  }));
  CHECK(client.ErrorOfLength().kind() == UnavailableKind::kAuth);

  std::ofstream(file) << "second";
  REQUIRE(Eventually([&] { return client.IsUp(); }));
  CHECK(client.Length("q") == 0);
}

TEST_CASE("a Redis that has too many clients says so", "[redis]") {
  RedisServer server;
  server.Command({"CONFIG", "SET", "maxclients", "1"});
  Client client({.endpoint = server.endpoint(), .timeout = kLong});
  const auto error = client.ErrorOfLength();
  CHECK(error.kind() == UnavailableKind::kServer);
  CHECK_THAT(error.what(), ContainsText(R"(refused the connection: "ERR max number of clients reached")"));
  server.Command({"CONFIG", "SET", "maxclients", "100"});
  REQUIRE(Eventually([&] { return client.IsUp(); }));
  CHECK(client.Length("q") == 0);
}

}  // namespace
}  // namespace test
