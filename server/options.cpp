#include "server/options.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <span>
#include <string_view>
#include <system_error>

#include <CLI/CLI.hpp>
#include <arpa/inet.h>
#include <unistd.h>

#include "metrics/duration.h"
#include "metrics/go_quote.h"
#include "metrics/nearest_name.h"
#include "metrics/queue_config.h"
#include "metrics/queue_layouts.h"
#include "server/build_info.h"
#include "server/http/certificate_authority.h"
#include "server/http/http_message.h"
#include "server/take_until.h"

namespace server {
namespace {

constexpr const char* kDescription =
    "Serves the length of Redis queues as external metrics (external.metrics.k8s.io/v1beta1), so that a\n"
    "HorizontalPodAutoscaler can scale workers on them, to zero and back.";

constexpr const char* kServeFooter =
    "Environment:\n"
    "  REDIS_URL        used when --redis-url is not given; may hold credentials, which a flag may not\n"
    "  REDIS_USERNAME   used when --redis-username-file is not given\n"
    "  REDIS_PASSWORD   used when --redis-password-file is not given\n"
    "\n"
    "Durations are written as Kubernetes writes them: 500ms, 1s, 1m30s.\n"
    "\n"
    "Try it without a cluster:\n"
    "  queue-metrics-server serve --redis-url redis://127.0.0.1:6379 --auth none --bind-address 127.0.0.1 \\\n"
    "      --tls-ca-out-file ca.crt\n"
    "  redis-cli rpush evaluation-jobs one two\n"
    "  curl --cacert ca.crt 'https://localhost:8443/apis/external.metrics.k8s.io/v1beta1/namespaces/default/"
    "redis_queue_length?labelSelector=queue%3Devaluation-jobs'";

/// As given; every one is checked by us, so that all mistakes can be told at once.
struct RawOptions {
  std::string config;
  std::string layout = "by-type";
  std::optional<std::string> namespaces;
  std::string redis_url;
  std::string redis_ca_file;
  std::string redis_username_file;
  std::string redis_password_file;
  std::string redis_timeout = "1s";
  std::string bind_address = "0.0.0.0";
  std::string secure_port = "8443";
  std::string tls_cert_file;
  std::string tls_private_key_file;
  std::string tls_self_signed_hosts = "localhost,127.0.0.1,::1,queue-metrics-server.queue-metrics.svc";
  std::string tls_ca_out_file;
  bool tls_self_managed = false;
  std::string tls_secret_name = "queue-metrics-server-serving";
  std::string tls_secret_namespace;
  std::string tls_certificate_lifetime = "720h";
  std::string client_ca_file;
  std::string auth;
  std::string kubeconfig;
  bool wake = false;
  std::string max_connections = "512";
  std::string shutdown_delay_duration = "5s";
  std::string log_format = "auto";
  std::string log_level = "info";
};

/// Declares options of `command`, one with each call.
auto OptionsOf(CLI::App& command) {
  return [&command](const char* group, const char* name, auto& value, const char* type, const char* help) {
    command.add_option(name, value, help)
        ->group(group)
        ->type_name(type)
        ->capture_default_str()
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);  // As for Kubernetes' own flags.
  };
}

void DeclareQueues(CLI::App& command, RawOptions& raw) {
  const auto option = OptionsOf(command);
  option("Queues", "--config", raw.config, "FILE",
         "YAML file that names Redis and queues, followed while it changes; without it, every key is a queue");
  option("Queues", "--layout", raw.layout, "LAYOUT",
         "Without --config: how all queues are kept in Redis, such as celery");
  option("Queues", "--namespaces", raw.namespaces, "NAMES",
         "Without --config: the namespaces that may see queues; all of them if it is not given");
  option("Redis", "--redis-url", raw.redis_url, "URL",
         "The Redis that holds the queues: redis[s]://HOST[:PORT][/DB] or unix:///PATH[?db=DB]");
  option("Redis", "--redis-ca-file", raw.redis_ca_file, "FILE",
         "CA bundle that a rediss:// server must be vouched for by; without it, the CAs of the system");
  option("Redis", "--redis-username-file", raw.redis_username_file, "FILE",
         "File with the ACL user's name; read again at each connect, so that it can rotate");
  option("Redis", "--redis-password-file", raw.redis_password_file, "FILE",
         "File with the password; read again at each connect, so that it can rotate");
  option("Redis", "--redis-timeout", raw.redis_timeout, "DURATION",
         "How long a read may take; later, the answer is 503 and the HPA keeps its replicas");
}

void DeclareServe(CLI::App& serve, RawOptions& raw) {
  const auto option = OptionsOf(serve);
  option("Serving", "--bind-address", raw.bind_address, "IP", "Address to listen on; :: for IPv6 and IPv4");
  option("Serving", "--secure-port", raw.secure_port, "PORT", "Port for HTTPS; 0 takes a free one and prints it");
  option("Serving", "--tls-cert-file", raw.tls_cert_file, "FILE",
         "PEM certificate, leaf first; must be valid for SERVICE.NAMESPACE.svc");
  option("Serving", "--tls-private-key-file", raw.tls_private_key_file, "FILE", "PEM key of --tls-cert-file");
  option("Serving", "--tls-self-signed-hosts", raw.tls_self_signed_hosts, "HOSTS",
         "What a certificate made by this server is valid for; without certificate files one is made at start");
  option("Serving", "--tls-ca-out-file", raw.tls_ca_out_file, "FILE",
         "Where to write the CA of the self-made certificate (- for standard output), for the APIService's caBundle");
  serve
      .add_flag("--tls-self-managed", raw.tls_self_managed,
                "Make the certificate and its CA, share them between all replicas in a Secret, renew them in time, and "
                "keep the APIService's caBundle right")
      ->group("Serving");
  option("Serving", "--tls-secret-name", raw.tls_secret_name, "NAME",
         "The Secret for --tls-self-managed; it must exist, and is empty at first");
  option("Serving", "--tls-secret-namespace", raw.tls_secret_namespace, "NAMESPACE",
         "Where it is; without this, in the pod's namespace");
  option(
      "Serving", "--tls-certificate-lifetime", raw.tls_certificate_lifetime, "DURATION",
      "How long a certificate of --tls-self-managed lasts, at least 1m; renewed after two thirds. Its CA lasts twelve "
      "times as long");
  option("Serving", "--max-connections", raw.max_connections, "COUNT",
         "Client connections held at once; beyond, the idlest is closed");
  option("Serving", "--shutdown-delay-duration", raw.shutdown_delay_duration, "DURATION",
         "After SIGTERM, how long /readyz fails while requests are still served");
  option("Access", "--auth", raw.auth, "MODE",
         "delegated: kube-apiserver says who is who and who may what (the default in a cluster or with --kubeconfig); "
         "client-certificate (the default with --client-ca-file); none: everybody, on a loopback address only");
  option("Access", "--kubeconfig", raw.kubeconfig, "FILE",
         "How --auth=delegated, --tls-self-managed and --wake reach kube-apiserver; without it, by the pod's service "
         "account");
  option("Access", "--client-ca-file", raw.client_ca_file, "FILE",
         "PEM bundle of CAs for --auth=client-certificate; clients need a certificate from one of them, except for "
         "/healthz, /livez and /readyz");
  serve
      .add_flag("--wake", raw.wake,
                "Scale the targets of HPAs that ask for it by annotation from zero and to zero; see docs/zero.md")
      ->group("Zero");
  option("Logging", "--log-format", raw.log_format, "FORMAT", "auto (text on a terminal, else JSON), text or json");
  option("Logging", "--log-level", raw.log_level, "LEVEL",
         "debug, audit (a line for each request), info, warning or error; each with those after it");
  serve.footer(kServeFooter);
}

/// Turns raw text into values and collects what is wrong.
class Validator {
 public:
  std::vector<std::string>& problems() { return problems_; }

  template <typename Number>
  Number ParseNumber(const char* flag, const std::string& text, Number smallest, Number largest) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < smallest || value > largest) {
      Wrong(flag, text, "must be a whole number from " + std::to_string(smallest) + " to " + std::to_string(largest));
    }
    return value;
  }

  std::chrono::milliseconds ParseMilliseconds(const char* flag, const std::string& text,
                                              std::chrono::milliseconds smallest, std::chrono::milliseconds largest) {
    const auto parsed = metrics::ParseDuration(text);
    const auto* duration = std::get_if<std::chrono::nanoseconds>(&parsed);
    if (duration == nullptr || *duration < smallest || *duration > largest) {
      Wrong(flag, text,
            "must be a duration from " + std::to_string(smallest.count()) + "ms to " +
                std::to_string(largest.count() / 1000) + "s, such as 1s");
      return smallest;
    }
    return std::chrono::duration_cast<std::chrono::milliseconds>(*duration);
  }

  template <typename Value, std::size_t Count>
  std::optional<Value> ParseChoice(const char* flag, const std::string& text,
                                   const std::array<std::pair<std::string_view, Value>, Count>& choices) {
    std::string names;
    for (const auto& [name, value] : choices) {
      if (name == text) {
        return value;
      }
      names += (names.empty() ? "" : ", ") + std::string(name);
    }
    Wrong(flag, text, "must be one of " + names);
    return std::nullopt;
  }

  /// `path` empty: not given.
  void RequireReadable(const char* flag, const std::string& path) {
    if (!path.empty() && access(path.c_str(), R_OK) != 0) {
      Wrong(flag, path, "cannot be read: " + std::generic_category().message(errno));
    }
  }

  void Wrong(const char* flag, const std::string& value, const std::string& remedy) {
    problems_.push_back(std::string(flag) + "=\"" + value + "\": " + remedy);
  }

 private:
  std::vector<std::string> problems_;
};

std::vector<std::string> SplitAtCommas(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    if (const std::string_view part = http::Trim(TakeUntil(text, ',')); !part.empty()) {
      parts.emplace_back(part);
    }
  }
  return parts;
}

bool IsLoopback(const std::string& address) {
  in_addr v4{};
  if (inet_pton(AF_INET, address.c_str(), &v4) == 1) {
    return (ntohl(v4.s_addr) >> 24) == 127;
  }
  in6_addr v6{};
  return inet_pton(AF_INET6, address.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool IsIpAddress(const std::string& address) {
  in6_addr buffer{};
  return inet_pton(AF_INET, address.c_str(), &buffer) == 1 || inet_pton(AF_INET6, address.c_str(), &buffer) == 1;
}

void ValidateRedis(const RawOptions& raw, QueueOptions& options, Validator& validator) {
  options.redis_ca_file = raw.redis_ca_file;
  options.redis_username_file = raw.redis_username_file;
  options.redis_password_file = raw.redis_password_file;
  validator.RequireReadable("--redis-ca-file", raw.redis_ca_file);
  validator.RequireReadable("--redis-username-file", raw.redis_username_file);
  validator.RequireReadable("--redis-password-file", raw.redis_password_file);
  options.redis_timeout = validator.ParseMilliseconds("--redis-timeout", raw.redis_timeout,
                                                      std::chrono::milliseconds(1), std::chrono::seconds(30));
  const char* from_environment = std::getenv("REDIS_URL");
  const bool flag_given = !raw.redis_url.empty();
  options.redis_by_flag = flag_given;
  if (!flag_given && from_environment == nullptr) {
    if (!raw.config.empty()) {
      return;
    }
    validator.problems().emplace_back(
        "--redis-url: is required (or REDIS_URL), such as redis://redis-service:6379, unless --config names a file "
        "that has it");
    return;
  }
  const char* source = flag_given ? "--redis-url" : "REDIS_URL";
  try {
    options.redis = metrics::redis::ParseRedisUrl(flag_given ? raw.redis_url.c_str() : from_environment);
  } catch (const metrics::redis::RedisUrlError& error) {
    validator.problems().push_back(std::string(source) + ": " + error.what());
  }
  if (options.redis && !options.redis->tls && !raw.redis_ca_file.empty()) {
    validator.Wrong("--redis-ca-file", raw.redis_ca_file,
                    std::string("is for a rediss:// URL, which ") + source + " is not");
  }
  if (flag_given && options.redis && options.redis->credentials) {
    validator.problems().emplace_back(
        "--redis-url: must not hold credentials, which every user of the machine could read there; use "
        "--redis-password-file, REDIS_PASSWORD or REDIS_URL");
  }
}

void ValidateQueues(const RawOptions& raw, QueueOptions& options, Validator& validator) {
  ValidateRedis(raw, options, validator);
  options.config_file = raw.config;
  options.layout = raw.layout;
  options.namespaces = SplitAtCommas(raw.namespaces.value_or(""));
  validator.RequireReadable("--config", raw.config);
  if (metrics::FindLayoutKind(raw.layout) == nullptr) {
    validator.Wrong("--layout", raw.layout, "must be one of " + metrics::LayoutNames());
  }
  if (raw.namespaces && options.namespaces.empty()) {
    validator.Wrong("--namespaces", *raw.namespaces,
                    "must name at least one namespace; without the flag it is all of them");
  }
  for (const std::string& name : options.namespaces) {
    if (!metrics::IsNamespaceName(name)) {
      validator.Wrong("--namespaces", name, "is not a name that a namespace can have");
    }
  }
  if (!raw.config.empty() && (raw.layout != RawOptions().layout || raw.namespaces)) {
    validator.problems().emplace_back(
        "--config: does not go with --layout and --namespaces; say that in the file, under \"defaults\"");
  }
}

bool InCluster() {
  const auto is_set = [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0';
  };
  return is_set("KUBERNETES_SERVICE_HOST") && is_set("KUBERNETES_SERVICE_PORT");
}

/// What a name in Kubernetes is made of, so that it can stand in a URL.
bool IsObjectName(const std::string& name) {
  return !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.") == std::string::npos;
}

void ValidateSelfManaged(const RawOptions& raw, ServeOptions& options, Validator& validator) {
  options.tls_self_managed = raw.tls_self_managed;
  options.tls_secret_name = raw.tls_secret_name;
  options.tls_secret_namespace = raw.tls_secret_namespace;
  options.tls_certificate_lifetime = std::chrono::duration_cast<std::chrono::seconds>(
      validator.ParseMilliseconds("--tls-certificate-lifetime", raw.tls_certificate_lifetime, std::chrono::minutes(1),
                                  std::chrono::hours(24 * 365)));
  if (!raw.tls_self_managed) {
    return;
  }
  if (!raw.tls_cert_file.empty() || !raw.tls_ca_out_file.empty()) {
    validator.problems().emplace_back("--tls-self-managed: does not go with --tls-cert-file or --tls-ca-out-file");
  }
  if (!IsObjectName(raw.tls_secret_name)) {
    validator.Wrong("--tls-secret-name", raw.tls_secret_name, "is not a name that a Secret can have");
  }
  if (!raw.tls_secret_namespace.empty() && !IsObjectName(raw.tls_secret_namespace)) {
    validator.Wrong("--tls-secret-namespace", raw.tls_secret_namespace, "is not a name that a namespace can have");
  }
  if (raw.kubeconfig.empty() && !InCluster()) {
    validator.problems().emplace_back("--tls-self-managed: needs --kubeconfig outside of a cluster");
  }
}

void ValidateServing(const RawOptions& raw, ServeOptions& options, Validator& validator) {
  options.listener.bind_address = raw.bind_address;
  if (!IsIpAddress(raw.bind_address)) {
    validator.Wrong("--bind-address", raw.bind_address, "must be an IPv4 or IPv6 address, such as 0.0.0.0");
  }
  options.listener.port = validator.ParseNumber<std::uint16_t>("--secure-port", raw.secure_port, 0, 65535);
  constexpr std::size_t kFewest = 16;  // The aggregator and the HPA controller alone may hold a dozen.
  options.listener.max_connections =
      validator.ParseNumber<std::size_t>("--max-connections", raw.max_connections, kFewest, 65536);
  options.shutdown_delay = validator.ParseMilliseconds("--shutdown-delay-duration", raw.shutdown_delay_duration,
                                                       std::chrono::milliseconds(0), std::chrono::minutes(10));
  options.tls_cert_file = raw.tls_cert_file;
  options.tls_private_key_file = raw.tls_private_key_file;
  options.tls_self_signed_hosts = SplitAtCommas(raw.tls_self_signed_hosts);
  options.tls_ca_out_file = raw.tls_ca_out_file;
  if (raw.tls_cert_file.empty() != raw.tls_private_key_file.empty()) {
    validator.problems().emplace_back(raw.tls_cert_file.empty() ? "--tls-private-key-file: needs --tls-cert-file"
                                                                : "--tls-cert-file: needs --tls-private-key-file");
  }
  if (!raw.tls_cert_file.empty() && !raw.tls_ca_out_file.empty()) {
    validator.problems().emplace_back(
        "--tls-ca-out-file: is for the self-made certificate, but --tls-cert-file is given");
  }
  validator.RequireReadable("--tls-cert-file", raw.tls_cert_file);
  validator.RequireReadable("--tls-private-key-file", raw.tls_private_key_file);
  ValidateSelfManaged(raw, options, validator);
  for (const std::string& host : options.tls_self_signed_hosts) {
    if (!http::IsCertificateHost(host)) {
      validator.Wrong("--tls-self-signed-hosts", host, "is neither a DNS name nor an IP address");
    }
  }
  if (raw.tls_cert_file.empty() && options.tls_self_signed_hosts.empty()) {
    validator.Wrong("--tls-self-signed-hosts", raw.tls_self_signed_hosts,
                    "must name at least one host when there is no --tls-cert-file");
  }
}

/// What the other flags and the surroundings ask for; nothing if that leaves it open.
std::optional<AuthMode> DefaultAuthMode(const RawOptions& raw) {
  if (!raw.kubeconfig.empty()) {
    return AuthMode::kDelegated;
  }
  if (!raw.client_ca_file.empty()) {
    return AuthMode::kClientCertificate;
  }
  return InCluster() ? std::optional(AuthMode::kDelegated) : std::nullopt;
}

void ValidateAccess(const RawOptions& raw, ServeOptions& options, Validator& validator) {
  constexpr std::array<std::pair<std::string_view, AuthMode>, 3> kModes{
      {{"delegated", AuthMode::kDelegated},
       {"client-certificate", AuthMode::kClientCertificate},
       {"none", AuthMode::kNone}}};
  options.client_ca_file = raw.client_ca_file;
  options.kubeconfig = raw.kubeconfig;
  validator.RequireReadable("--client-ca-file", raw.client_ca_file);
  validator.RequireReadable("--kubeconfig", raw.kubeconfig);
  const auto mode = raw.auth.empty() ? DefaultAuthMode(raw) : validator.ParseChoice("--auth", raw.auth, kModes);
  if (!mode && raw.auth.empty()) {
    validator.problems().emplace_back(
        "--auth: outside of a cluster needs --kubeconfig or --client-ca-file, so that not everybody can ask (or is "
        "none on a loopback address)");
  }
  if (!mode) {
    return;
  }
  options.auth = *mode;
  if (*mode == AuthMode::kNone && !IsLoopback(raw.bind_address)) {
    validator.Wrong("--auth", raw.auth,
                    "is allowed only with a loopback --bind-address such as 127.0.0.1, not " + raw.bind_address);
  }
  if (*mode == AuthMode::kClientCertificate && raw.client_ca_file.empty()) {
    validator.Wrong("--auth", raw.auth, "needs --client-ca-file");
  }
  if (*mode == AuthMode::kDelegated && raw.kubeconfig.empty() && !InCluster()) {
    validator.Wrong("--auth", raw.auth, "needs --kubeconfig outside of a cluster");
  }
  if (*mode != AuthMode::kDelegated && !raw.tls_self_managed && !raw.wake && !raw.kubeconfig.empty()) {
    validator.Wrong("--kubeconfig", raw.kubeconfig, "is for --auth=delegated, --tls-self-managed and --wake");
  }
  if (*mode == AuthMode::kNone && !raw.client_ca_file.empty()) {
    validator.Wrong("--client-ca-file", raw.client_ca_file, "would not be looked at with --auth=none");
  }
  if (*mode == AuthMode::kDelegated && !raw.client_ca_file.empty()) {
    validator.Wrong("--client-ca-file", raw.client_ca_file,
                    "is for --auth=client-certificate; with --auth=delegated, kube-apiserver names the CAs");
  }
}

void Validate(const RawOptions& raw, ServeOptions& options, Validator& validator) {
  constexpr std::array<std::pair<std::string_view, LogFormat>, 3> kFormats{
      {{"auto", LogFormat::kAuto}, {"text", LogFormat::kText}, {"json", LogFormat::kJson}}};
  constexpr std::array<std::pair<std::string_view, LogLevel>, 5> kLevels{{{"debug", LogLevel::kDebug},
                                                                          {"audit", LogLevel::kAudit},
                                                                          {"info", LogLevel::kInfo},
                                                                          {"warning", LogLevel::kWarning},
                                                                          {"error", LogLevel::kError}}};
  ValidateQueues(raw, options, validator);
  ValidateServing(raw, options, validator);
  ValidateAccess(raw, options, validator);
  options.wake = raw.wake;
  if (raw.wake && raw.kubeconfig.empty() && !InCluster()) {
    validator.problems().emplace_back("--wake: needs --kubeconfig outside of a cluster");
  }
  options.log_format = validator.ParseChoice("--log-format", raw.log_format, kFormats).value_or(options.log_format);
  options.log_level = validator.ParseChoice("--log-level", raw.log_level, kLevels).value_or(options.log_level);
}

/// Without the dashes of options.
std::string Guess(std::string_view name, std::span<const std::string_view> known, const std::string& dashes) {
  const auto nearest = metrics::NearestName(name, known);
  return nearest ? "; did you mean " + dashes + std::string(*nearest) + "?" : "";
}

/// What is wrong with words that `app` could not take. Of an option it tells the name alone, and no word behind it:
/// that may be a secret.
std::string Misunderstood(const CLI::App& app, const CLI::ParseError& error) {
  constexpr auto kCommands = std::to_array<std::string_view>({"serve", "check"});
  const std::vector<std::string> words = app.remaining(true);
  const auto commands = app.get_subcommands();
  if (commands.empty()) {
    return words.empty() || words.front().starts_with('-')
               ? "a command must come first: serve or check\n"
               : metrics::GoQuote(words.front()) + ": there is no such command" + Guess(words.front(), kCommands, "") +
                     "\n";
  }
  std::vector<std::string_view> options;
  for (const CLI::Option* option : commands.front()->get_options()) {
    options.emplace_back(option->get_lnames().front());
  }
  std::string text;
  for (const std::string& word : words) {
    if (word.starts_with("--")) {
      const std::string name = word.substr(0, word.find('='));
      text += name + ": there is no such option" + Guess(name.substr(2), options, "--") + "\n";
    }
  }
  if (!text.empty()) {
    return text;
  }
  const std::string what = error.what();  // "--NAME: …", or "…: --NAME = VALUE".
  const std::size_t begin = what.find("--");
  const std::string name =
      begin == std::string::npos ? "" : what.substr(begin, what.find_first_of(" :", begin) - begin);
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ArgumentMismatch) && !name.empty()) {
    return name + ": needs a value\n";
  }
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ConversionError) && !name.empty()) {
    return name + ": is either there or not; as a value it takes true or false\n";
  }
  if (!words.empty()) {
    return commands.front()->get_name() + ": takes options only, each with its value behind it or after an =\n";
  }
  return what + "\n";
}

}  // namespace

std::variant<ServeOptions, CheckOptions, Exit> ParseCommandLine(int argc, const char* const* argv) {
  RawOptions raw;
  CheckOptions check_options;
  CLI::App app(kDescription, "queue-metrics-server");
  app.set_version_flag("--version", std::string(kVersion));
  app.require_subcommand(1);
  CLI::App* serve = app.add_subcommand("serve", "Answer the external metrics API over HTTPS");
  DeclareQueues(*serve, raw);
  DeclareServe(*serve, raw);
  CLI::App* check = app.add_subcommand("check", "Tell every problem of a configuration, or what it says");
  DeclareQueues(*check, raw);
  check->add_flag("--connect", check_options.connect, "Read the queues, too")->group("Queues");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return Exit{EXIT_SUCCESS, app.help()};
  } catch (const CLI::CallForVersion&) {
    return Exit{EXIT_SUCCESS, std::string(kVersion) + "\n"};
  } catch (const CLI::ParseError& error) {
    return Exit{EXIT_FAILURE, Misunderstood(app, error) + "Try queue-metrics-server serve --help.\n"};
  }
  Validator validator;
  ServeOptions serve_options;
  if (check->parsed()) {
    ValidateQueues(raw, check_options, validator);
  } else {
    Validate(raw, serve_options, validator);
  }
  std::string output;
  for (const std::string& problem : validator.problems()) {
    output += problem + "\n";
  }
  if (!output.empty()) {
    return Exit{EXIT_FAILURE, output};
  }
  if (check->parsed()) {
    return check_options;
  }
  return serve_options;
}

}  // namespace server
