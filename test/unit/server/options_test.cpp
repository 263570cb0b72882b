#include "server/options.h"

#include <cctype>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "test/support/catch.h"

namespace server {
namespace {

std::variant<ServeOptions, Exit> Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "queue-metrics-server");
  return ParseCommandLine(static_cast<int>(arguments.size()), arguments.data());
}

std::string Refusal(const std::vector<const char*>& arguments) {
  const auto parsed = Parse(arguments);
  const auto* exit = std::get_if<Exit>(&parsed);
  if (exit == nullptr || exit->code == 0) {
    return "accepted";
  }
  return exit->output;
}

TEST_CASE("defaults are those of the documentation", "[server]") {
  const auto options =
      std::get<ServeOptions>(Parse({"serve", "--redis-url", "redis://r", "--client-ca-file", "ca.crt"}));
  CHECK(options.redis.endpoint.host == "r");
  CHECK(options.redis.endpoint.port == 6379);
  CHECK(options.listener.bind_address == "0.0.0.0");
  CHECK(options.listener.port == 8443);
  CHECK(options.auth == AuthMode::kClientCertificate);
  CHECK(options.redis_timeout == std::chrono::seconds(1));
  CHECK(options.tls_self_signed_hosts.size() == 4);
}

TEST_CASE("every wrong value is named, all at once", "[server]") {
  const std::string refusal = Refusal({"serve", "--redis-url", "http://x", "--secure-port", "70000", "--bind-address", "here",
                                       "--auth", "some", "--redis-timeout", "5", "--tls-cert-file", "a", "--log-level",
                                       "loud", "--max-connections", "-1"});
  for (const char* expected : {"--redis-url: ", "--secure-port=\"70000\": must be a whole number from 0 to 65535",
                               "--bind-address=\"here\": must be an IPv4 or IPv6 address",
                               "--auth=\"some\": must be one of client-certificate, none",
                               "--redis-timeout=\"5\": must be a duration", "--tls-cert-file: needs --tls-private-key-file",
                               "--log-level=\"loud\": must be one of debug, info, warning, error", "--max-connections=\"-1\""}) {
    CHECK_THAT(refusal, ContainsText(expected));
  }
}

TEST_CASE("nobody is let in by accident", "[server]") {
  CHECK_THAT(Refusal({"serve", "--redis-url", "redis://r"}), ContainsText("--client-ca-file: is required"));
  CHECK_THAT(Refusal({"serve", "--redis-url", "redis://r", "--auth", "none"}), ContainsText("loopback"));
  CHECK_THAT(Refusal({"serve", "--redis-url", "redis://r", "--auth", "none", "--bind-address", "::"}),
             ContainsText("loopback"));
  CHECK(Refusal({"serve", "--redis-url", "redis://r", "--auth", "none", "--bind-address", "127.8.0.1"}) == "accepted");
  CHECK(Refusal({"serve", "--redis-url", "redis://r", "--auth", "none", "--bind-address", "::1"}) == "accepted");
}

TEST_CASE("a password in a flag is refused without being repeated", "[server]") {
  const std::string refusal = Refusal({"serve", "--redis-url", "redis://user:hunter2@r", "--client-ca-file", "ca.crt"});
  CHECK_THAT(refusal, ContainsText("--redis-url: must not hold credentials"));
  CHECK_THAT(refusal, !ContainsText("hunter2"));
}

TEST_CASE("REDIS_URL stands in for the flag and may hold credentials", "[server]") {
  setenv("REDIS_URL", "redis://user:secret@elsewhere:7000/3", 1);
  const auto options = std::get<ServeOptions>(Parse({"serve", "--client-ca-file", "ca.crt"}));
  unsetenv("REDIS_URL");
  CHECK(options.redis.endpoint.host == "elsewhere");
  CHECK(options.redis.endpoint.database == 3);
  REQUIRE(options.redis.credentials);
  CHECK(options.redis.credentials->password == "secret");
}

/// Line breaks and padding differ between the versions of CLI11.
std::string Words(const std::string& text) {
  std::string words;
  for (const char c : text) {
    if (std::isspace(static_cast<unsigned char>(c)) == 0) {
      words += c;
    } else if (!words.empty() && words.back() != ' ') {
      words += ' ';
    }
  }
  return words;
}

TEST_CASE("docs/command-line-flags.txt is what --help prints", "[server]") {
  std::ifstream file(DOCS_DIR "/command-line-flags.txt");
  const std::string documented{std::istreambuf_iterator<char>(file), {}};
  const auto help = std::get<Exit>(Parse({"serve", "--help"}));
  CHECK(help.code == 0);
  CHECK(Words(documented) == Words(help.output));
}

}  // namespace
}  // namespace server
