#include "server/options.h"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "test/support/catch.h"

namespace server {
namespace {

// Must only be readable; what is in it is for others to judge.
constexpr const char* kAnyFile = "/dev/null";

std::variant<ServeOptions, CheckOptions, Exit> Parse(std::vector<const char*> arguments) {
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
      std::get<ServeOptions>(Parse({"serve", "--redis-url", "redis://r", "--client-ca-file", kAnyFile}));
  CHECK(options.redis->endpoint.host == "r");
  CHECK(options.redis->endpoint.port == 6379);
  CHECK(options.listener.bind_address == "0.0.0.0");
  CHECK(options.listener.port == 8443);
  CHECK(options.auth == AuthMode::kClientCertificate);
  CHECK(options.redis_timeout == std::chrono::seconds(1));
  CHECK(options.tls_self_signed_hosts.size() == 4);
}

TEST_CASE("every wrong value is named, all at once", "[server]") {
  const std::string refusal = Refusal({"serve",
                                       "--redis-url",
                                       "http://x",
                                       "--secure-port",
                                       "70000",
                                       "--bind-address",
                                       "here",
                                       "--auth",
                                       "some",
                                       "--redis-timeout",
                                       "5",
                                       "--tls-cert-file",
                                       "a",
                                       "--log-level",
                                       "loud",
                                       "--max-connections",
                                       "-1",
                                       "--config",
                                       "/none0",
                                       "--redis-username-file",
                                       "/none1",
                                       "--redis-password-file",
                                       "/none2",
                                       "--redis-ca-file",
                                       "/none3",
                                       "--namespaces",
                                       " , ",
                                       "--tls-self-signed-hosts",
                                       "good.example,-x"});
  for (const char* expected :
       {"--redis-url: ", "--secure-port=\"70000\": must be a whole number from 0 to 65535",
        "--bind-address=\"here\": must be an IPv4 or IPv6 address",
        "--auth=\"some\": must be one of delegated, client-certificate, none",
        "--redis-timeout=\"5\": must be a duration", "--tls-cert-file: needs --tls-private-key-file",
        "--log-level=\"loud\": must be one of debug, audit, info, warning, error", "--max-connections=\"-1\"",
        "--config=\"/none0\": cannot be read: No such file", "--redis-username-file=\"/none1\": cannot be read",
        "--redis-password-file=\"/none2\": cannot be read", "--redis-ca-file=\"/none3\": cannot be read",
        "--namespaces=\" , \": must name at least one namespace",
        "--tls-self-signed-hosts=\"-x\": is neither a DNS name nor an IP address"}) {
    CHECK_THAT(refusal, ContainsText(expected));
  }
  CHECK(refusal.find("--auth=") == refusal.rfind("--auth="));  // What no mode asks for is not missing.
}

TEST_CASE("a misspelt command or option is named, with what was meant", "[server]") {
  CHECK_THAT(Refusal({"chekc"}), ContainsText("\"chekc\": there is no such command; did you mean check?"));
  CHECK_THAT(Refusal({}), ContainsText("a command must come first: serve or check"));
  const std::string refusal = Refusal({"serve", "--redis-ulr=redis://r", "--redis-password", "hunter2"});
  CHECK_THAT(refusal, ContainsText("--redis-ulr: there is no such option; did you mean --redis-url?"));
  CHECK_THAT(refusal, ContainsText("--redis-password: there is no such option"));
  CHECK(refusal.find("hunter2") == std::string::npos);
}

TEST_CASE("a value that is missing, too many or no truth value is named, but not itself", "[server]") {
  CHECK_THAT(Refusal({"serve", "--secure-port"}), ContainsText("--secure-port: needs a value\n"));
  CHECK_THAT(Refusal({"serve", "--wake=hunter2"}), ContainsText("--wake: is either there or not"));
  CHECK_THAT(Refusal({"serve", "hunter2"}), ContainsText("serve: takes options only"));
  for (const char* const word : {"--wake=hunter2", "hunter2"}) {
    CHECK(Refusal({"serve", word}).find("hunter2") == std::string::npos);
  }
}

TEST_CASE("of a flag that is given twice the last one counts, as for Kubernetes' own", "[server]") {
  const auto options =
      std::get<ServeOptions>(Parse({"serve", "--redis-url", "redis://r", "--client-ca-file", kAnyFile, "--secure-port",
                                    "1", "--secure-port=2", "--namespaces", "a", "--namespaces", "b,c"}));
  CHECK(options.listener.port == 2);
  CHECK(options.namespaces == std::vector<std::string>{"b", "c"});
}

TEST_CASE("nobody is let in by accident", "[server]") {
  CHECK_THAT(Refusal({"serve", "--redis-url", "redis://r"}), ContainsText("--auth: outside of a cluster needs"));
  CHECK_THAT(Refusal({"serve", "--redis-url", "redis://r", "--auth", "none"}), ContainsText("loopback"));
  CHECK_THAT(Refusal({"serve", "--redis-url", "redis://r", "--auth", "none", "--bind-address", "::"}),
             ContainsText("loopback"));
  CHECK(Refusal({"serve", "--redis-url", "redis://r", "--auth", "none", "--bind-address", "127.8.0.1"}) == "accepted");
  CHECK(Refusal({"serve", "--redis-url", "redis://r", "--auth", "none", "--bind-address", "::1"}) == "accepted");
}

/// As Kubernetes sets it in a pod, for the time of a test.
class Pod {
 public:
  Pod() {
    setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1", 1);
    setenv("KUBERNETES_SERVICE_PORT", "443", 1);
  }
  Pod(const Pod&) = delete;
  Pod& operator=(const Pod&) = delete;
  ~Pod() {
    unsetenv("KUBERNETES_SERVICE_HOST");
    unsetenv("KUBERNETES_SERVICE_PORT");
  }
};

TEST_CASE("who is asked about access follows from where the server runs and what it is given", "[server]") {
  const auto mode = [](std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), {"serve", "--redis-url", "redis://r"});
    return std::get<ServeOptions>(Parse(arguments)).auth;
  };
  CHECK(mode({"--kubeconfig", kAnyFile}) == AuthMode::kDelegated);
  CHECK(mode({"--client-ca-file", kAnyFile}) == AuthMode::kClientCertificate);
  const Pod pod;
  CHECK(mode({}) == AuthMode::kDelegated);
  CHECK(mode({"--auth", "delegated"}) == AuthMode::kDelegated);
  CHECK(mode({"--client-ca-file", kAnyFile}) == AuthMode::kClientCertificate);
  CHECK(mode({"--auth", "none", "--bind-address", "127.0.0.1"}) == AuthMode::kNone);
}

TEST_CASE("flags of another kind of access are refused", "[server]") {
  const auto refusal = [](std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), {"serve", "--redis-url", "redis://r"});
    return Refusal(arguments);
  };
  CHECK_THAT(refusal({"--auth", "delegated"}),
             ContainsText("--auth=\"delegated\": needs --kubeconfig outside of a cluster"));
  CHECK_THAT(refusal({"--auth", "client-certificate", "--client-ca-file", kAnyFile, "--kubeconfig", kAnyFile}),
             ContainsText("--kubeconfig=\"/dev/null\": is for --auth=delegated"));
  CHECK_THAT(refusal({"--kubeconfig", kAnyFile, "--client-ca-file", kAnyFile}),
             ContainsText("--client-ca-file=\"/dev/null\": is for --auth=client-certificate"));
}

TEST_CASE("a self-managed certificate needs a cluster, a place, and no other certificate", "[server]") {
  const auto refusal = [](std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), {"serve", "--redis-url", "redis://r", "--tls-self-managed"});
    return Refusal(arguments);
  };
  CHECK(refusal({"--kubeconfig", kAnyFile}) == "accepted");
  CHECK(refusal({"--kubeconfig", kAnyFile, "--auth", "none", "--bind-address", "127.0.0.1"}) == "accepted");
  CHECK_THAT(refusal({"--client-ca-file", kAnyFile}),
             ContainsText("--tls-self-managed: needs --kubeconfig outside of a cluster"));
  CHECK_THAT(refusal({"--kubeconfig", kAnyFile, "--tls-cert-file", "a", "--tls-private-key-file", "b"}),
             ContainsText("--tls-self-managed: does not go with --tls-cert-file"));
  CHECK_THAT(refusal({"--kubeconfig", kAnyFile, "--tls-ca-out-file", "-"}), ContainsText("or --tls-ca-out-file"));
  CHECK_THAT(refusal({"--kubeconfig", kAnyFile, "--tls-secret-name", "../x"}),
             ContainsText("--tls-secret-name=\"../x\": is not a name that a Secret can have"));
  CHECK_THAT(refusal({"--kubeconfig", kAnyFile, "--tls-secret-namespace", "a/b"}),
             ContainsText("--tls-secret-namespace=\"a/b\": is not a name that a namespace can have"));
  CHECK_THAT(refusal({"--kubeconfig", kAnyFile, "--tls-certificate-lifetime", "1s"}),
             ContainsText("--tls-certificate-lifetime=\"1s\": must be a duration from"));
  const Pod pod;
  const auto options = std::get<ServeOptions>(Parse({"serve", "--redis-url", "redis://r", "--tls-self-managed"}));
  CHECK(options.tls_self_managed);
  CHECK(options.tls_secret_name == "queue-metrics-server-serving");
  CHECK(options.tls_certificate_lifetime == std::chrono::hours(30 * 24));
}

TEST_CASE("help with zero is off unless asked for, and needs a cluster", "[server]") {
  CHECK_THAT(Refusal({"serve", "--redis-url", "redis://r", "--client-ca-file", kAnyFile, "--wake"}),
             ContainsText("--wake: needs --kubeconfig outside of a cluster"));
  const auto wake = [](std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(),
                     {"serve", "--redis-url", "redis://r", "--auth", "none", "--bind-address", "127.0.0.1"});
    return std::get<ServeOptions>(Parse(arguments)).wake;
  };
  CHECK_FALSE(wake({}));
  CHECK(wake({"--wake", "--kubeconfig", kAnyFile}));
}

TEST_CASE("a password in a flag is refused without being repeated", "[server]") {
  const std::string refusal = Refusal({"serve", "--redis-url", "redis://user:hunter2@r", "--client-ca-file", kAnyFile});
  CHECK_THAT(refusal, ContainsText("--redis-url: must not hold credentials"));
  CHECK_THAT(refusal, !ContainsText("hunter2"));
}

TEST_CASE("REDIS_URL stands in for the flag and may hold credentials", "[server]") {
  setenv("REDIS_URL", "redis://user:secret@elsewhere:7000/3", 1);
  const auto options = std::get<ServeOptions>(Parse({"serve", "--client-ca-file", kAnyFile}));
  unsetenv("REDIS_URL");
  CHECK(options.redis->endpoint.host == "elsewhere");
  CHECK(options.redis->endpoint.database == 3);
  REQUIRE(options.redis->credentials);
  CHECK(options.redis->credentials->password == "secret");
}

/// The versions of CLI11 break and pad lines differently, and one writes TYPE=DEFAULT where the other writes TYPE
/// [DEFAULT].
std::string WithoutLayout(const std::string& text) {
  std::string letters;
  for (const char c : text) {
    if (std::string_view(" \n[]=").find(c) == std::string_view::npos) {
      letters += c;
    }
  }
  return letters;
}

TEST_CASE("docs/command-line-flags.txt is what --help prints", "[server]") {
  std::ifstream file(DOCS_DIR "/command-line-flags.txt");
  const std::string documented{std::istreambuf_iterator<char>(file), {}};
  const auto help = std::get<Exit>(Parse({"serve", "--help"}));
  CHECK(help.code == 0);
  CHECK(WithoutLayout(documented) == WithoutLayout(help.output));
}

}  // namespace
}  // namespace server
