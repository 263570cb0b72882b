// TLS to a real redis-server: who is believed, and what is said when somebody is not.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "metrics/redis/redis_connection.h"
#include "test/integration/redis/redis_test.h"
#include "test/support/catch.h"
#include "test/support/certificates.h"
#include "test/support/redis_server.h"
#include "test/support/scripted_server.h"
#include "test/support/tls_files.h"

namespace test {
namespace {

using metrics::redis::TlsOptions;

struct TlsRedis {
  explicit TlsRedis(const std::vector<std::string>& more = {},
                    const CertificateTraits& traits = {.names = "IP:127.0.0.1"})
      : files(traits), redis(Arguments(more)) {}

  std::vector<std::string> Arguments(const std::vector<std::string>& more) const {
    std::vector<std::string> words = files.arguments();
    words.insert(words.end(), {"--tls-port", std::to_string(port)});
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  metrics::redis::RedisEndpoint endpoint() const {
    metrics::redis::RedisEndpoint endpoint;
    endpoint.port = port;
    return endpoint;
  }
  TlsOptions tls() const { return files.options(); }

  const TlsFiles files;
  const std::uint16_t port = FreePort();
  RedisServer redis;
};

TEST_CASE("queues are read over TLS", "[redis][tls]") {
  TlsRedis server;
  server.redis.Command({"RPUSH", "q", "a", "b"});
  Client client({.endpoint = server.endpoint(), .timeout = kLong, .tls = server.tls()});
  CHECK(client.Length("q") == 2);
  // More than a record holds, both ways.
  const std::string large(200'000, 'x');
  CHECK(client.Ask({"ECHO", large}).text == large);
}

TEST_CASE("a server that cannot prove who it is gets no password", "[redis][tls]") {
  struct Case {
    const char* what;
    CertificateTraits traits;
    TlsOptions change;
    std::string problem;
  };
  const auto example = GENERATE(values<Case>({
      {"another name",
       {.names = "DNS:other"},
       {.server_name = "redis"},
       R"(has a certificate that is not for "redis")"},
      {"another address", {.names = "IP:127.0.0.2"}, {}, R"(has a certificate that is not for "127.0.0.1")"},
      {"a name only in the subject",
       {.common_name = "redis", .names = "DNS:other"},
       {.server_name = "redis"},
       R"(has a certificate that is not for "redis")"},
      {"expired",
       {.names = "IP:127.0.0.1", .begins = -2h, .ends = -1h},
       {},
       "has a certificate that is not trusted: certificate has expired"},
      {"not yet valid, whatever its name",
       {.names = "DNS:other", .begins = 1h, .ends = 2h},
       {.verify = TlsOptions::Verify::kChain},
       "has a certificate that is not trusted: certificate is not yet valid"},
  }));
  INFO(example.what);
  TlsRedis server({}, example.traits);
  TlsOptions tls = server.tls();
  tls.server_name = example.change.server_name;
  tls.verify = example.change.verify;
  Client client({.endpoint = server.endpoint(),
                 .credentials =
                     [] {
                       return metrics::redis::Credentials{"", "hunter2"};
                     },
                 .timeout = kLong,
                 .tls = tls});
  const auto error = client.ErrorOfLength();
  CHECK(error.kind() == UnavailableKind::kConnection);
  CHECK(error.what() == client.connection.subject() + " " + example.problem);
}

TEST_CASE("a server of an unknown CA is not believed, unless everybody is", "[redis][tls]") {
  TlsRedis server;
  TlsOptions tls = server.tls();
  tls.ca_file = server.files.folder.Write("other-ca.pem", Authority("other").certificate().pem);
  {
    Client client({.endpoint = server.endpoint(), .timeout = kLong, .tls = tls});
    CHECK_THAT(client.ErrorOfLength().what(), ContainsText("has a certificate that is not trusted: "));
  }
  tls.ca_file = "";  // The system's, none of which is ours.
  {
    Client client({.endpoint = server.endpoint(), .timeout = kLong, .tls = tls});
    CHECK_THAT(client.ErrorOfLength().what(), ContainsText("has a certificate that is not trusted: "));
  }
  tls.verify = TlsOptions::Verify::kNothing;
  Client client({.endpoint = server.endpoint(), .timeout = kLong, .tls = tls});
  CHECK(client.Length("q") == 0);
}

TEST_CASE("the name in the certificate need not be the host", "[redis][tls]") {
  TlsRedis server({}, {.names = "DNS:redis.example"});
  TlsOptions tls = server.tls();
  tls.server_name = "redis.example";
  Client named({.endpoint = server.endpoint(), .timeout = kLong, .tls = tls});
  CHECK(named.Length("q") == 0);
  tls.server_name = "";
  tls.verify = TlsOptions::Verify::kChain;
  Client unnamed({.endpoint = server.endpoint(), .timeout = kLong, .tls = tls});
  CHECK(unnamed.Length("q") == 0);
}

TEST_CASE("a client certificate is shown to a server that wants one, as the files are at each connect",
          "[redis][tls]") {
  TlsRedis server({"--tls-auth-clients", "yes"});
  TlsOptions tls = server.tls();
  Client stranger({.endpoint = server.endpoint(), .timeout = kLong, .tls = tls});
  CHECK_THAT(stranger.ErrorOfLength().what(), ContainsText("ended the TLS session: tlsv13 alert certificate required"));

  tls.certificate_file = server.files.folder.path() / "client.pem";
  tls.key_file = server.files.folder.path() / "client.key";
  Client client({.endpoint = server.endpoint(), .timeout = kLong, .tls = tls});
  CHECK(client.ErrorOfLength().what() == client.connection.subject() +
                                             " cannot be asked over TLS: the certificate file \"" +
                                             tls.certificate_file + "\": No such file or directory");
  const Certificate certificate =
      server.files.authority.Issue({.common_name = "client", .key_usages_extended = "clientAuth"});
  server.files.folder.Write("client.key", server.files.authority.Issue({.common_name = "other"}).key_pem);
  server.files.folder.Write("client.pem", certificate.pem);
  CHECK(Eventually([&] { return client.Cause().find("key values mismatch") != std::string::npos; }));
  server.files.folder.Write("client.key", certificate.key_pem);
  REQUIRE(Eventually([&] { return client.IsUp(); }));
  CHECK(client.Length("q") == 0);
}

TEST_CASE("the key of a client certificate may be encrypted, and its password changes with it", "[redis][tls]") {
  TlsRedis server({"--tls-auth-clients", "yes"});
  const auto& folder = server.files.folder;
  const Certificate certificate =
      server.files.authority.Issue({.common_name = "client", .key_usages_extended = "clientAuth"});
  folder.Write("client.pem", certificate.pem);
  folder.Write("client.key", Encrypt(certificate.key_pem, "open sesame"));
  TlsOptions tls = server.tls();
  tls.certificate_file = folder.path() / "client.pem";
  tls.key_file = folder.path() / "client.key";
  Client without({.endpoint = server.endpoint(), .timeout = kLong, .tls = tls});
  CHECK_THAT(without.ErrorOfLength().what(), ContainsText("cannot be asked over TLS: the key file \"" + tls.key_file));

  tls.key_password_file = folder.path() / "password";
  Client client({.endpoint = server.endpoint(), .timeout = kLong, .tls = tls});
  CHECK(client.ErrorOfLength().what() == client.connection.subject() +
                                             " cannot be asked over TLS: the key password file \"" +
                                             tls.key_password_file + "\": No such file or directory");
  folder.Write("password", "open barley\n");
  CHECK(Eventually([&] { return client.Cause().find("the key file") != std::string::npos; }));
  CHECK_THAT(client.Cause(), !ContainsText("barley"));
  folder.Write("password", "open sesame\n");
  REQUIRE(Eventually([&] { return client.IsUp(); }));
  CHECK(client.Length("q") == 0);
}

TEST_CASE("TLS 1.1 is not spoken", "[redis][tls]") {
  TlsRedis server({"--tls-protocols", "TLSv1.1", "--tls-ciphers", "DEFAULT@SECLEVEL=0"});
  Client client({.endpoint = server.endpoint(), .timeout = kLong, .tls = server.tls()});
  CHECK_THAT(client.ErrorOfLength().what(), ContainsText("refused the TLS handshake: "));
}

TEST_CASE("TLS 1.2 is spoken", "[redis][tls]") {
  TlsRedis server({"--tls-protocols", "TLSv1.2"});
  Client client({.endpoint = server.endpoint(), .timeout = kLong, .tls = server.tls()});
  CHECK(client.Length("q") == 0);
}

TEST_CASE("a plain-text Redis behind rediss:// is told in words", "[redis][tls]") {
  struct Case {
    const char* what;
    std::chrono::milliseconds timeout;
    std::string answer;
    std::string problem;
  };
  const auto example = GENERATE(values<Case>({
      {"an error", kLong, "-ERR unknown command\r\n", "answered in plain text, not in TLS"},
      {"nothing", kShort, "", std::string("accepts connections but does not answer in TLS: ") + kNoAnswerWithinShort},
  }));
  INFO(example.what);
  ScriptedServer server([&](Peer& peer) {
    peer.Write(example.answer);
    peer.WaitForEnd();
  });
  Client client({.endpoint = {.port = server.port()}, .timeout = example.timeout, .tls = TlsOptions{}});
  CHECK(client.ErrorOfLength().what() == client.connection.subject() + " " + example.problem);
}

TEST_CASE("a real plain-text Redis behind rediss:// gives an error soon, never a number", "[redis][tls]") {
  RedisServer server;
  Client client({.endpoint = server.endpoint(), .timeout = kShort, .tls = TlsOptions{}});
  CHECK_THAT(client.ErrorOfLength().what(), ContainsText("TLS"));
}

TEST_CASE("a TLS server behind redis:// is told in words", "[redis][tls]") {
  TlsRedis real;
  Client client({.endpoint = real.endpoint(), .timeout = kLong});
  CHECK_THAT(client.ErrorOfLength().what(), ContainsText("during the handshake, as one does that expects TLS"));

  ScriptedServer other([](Peer& peer) {
    peer.Write({"\x15\x03\x01\x00\x02\x02\x46", 7});
    peer.WaitForEnd();
  });
  Client second({.endpoint = {.port = other.port()}, .timeout = kLong});
  CHECK_THAT(second.ErrorOfLength().what(), ContainsText("answered in TLS, not in plain text"));
}

TEST_CASE("a connection over TLS comes back like any other", "[redis][tls]") {
  TlsRedis server;
  Client client({.endpoint = server.endpoint(), .timeout = kShort, .tls = server.tls()});
  REQUIRE(Eventually([&] { return client.IsUp(); }));
  server.redis.Freeze();
  REQUIRE(Eventually([&] { return client.ErrorOfLength(kShort).what() != std::string("no error at all"); }));
  server.redis.Thaw();
  REQUIRE(Eventually([&] { return client.IsUp(); }));
  server.redis.Kill();
  REQUIRE(Eventually([&] { return !client.IsUp(); }));
  server.redis.Start();
  server.redis.Command({"RPUSH", "q", "a"});
  REQUIRE(Eventually([&] { return client.IsUp(); }));
  CHECK(client.Length("q") == 1);
}

TEST_CASE("many threads over one TLS connection get their own answers", "[redis][tls]") {
  TlsRedis server;
  for (int key = 1; key <= 8; ++key) {
    for (int i = 0; i < key; ++i) server.redis.Command({"RPUSH", "q" + std::to_string(key), "job"});
  }
  Client client({.endpoint = server.endpoint(), .timeout = kLong, .tls = server.tls()});
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (int key = 1; key <= 8; ++key) {
      threads.emplace_back([&, key] {
        for (int i = 0; i < 300; ++i) wrong += client.Length("q" + std::to_string(key)) == key ? 0 : 1;
      });
    }
  }
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace test
