#include "server/configuration.h"

#include <algorithm>
#include <cstdlib>
#include <variant>

#include "server/log.h"
#include "server/read_file.h"

namespace server {
namespace {

using metrics::redis::Credentials;
using metrics::redis::CredentialsSource;

/// A secret without the line end that editors and `echo` leave.
std::string ReadSecret(const std::string& path) {
  std::string secret = ReadFile(path);
  while (secret.ends_with('\n') || secret.ends_with('\r')) {
    secret.pop_back();
  }
  return secret;
}

std::string FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

/// Those of the command line's Redis. A file wins over the environment, which wins over the URL.
Credentials CredentialsOf(const QueueOptions& options) {
  Credentials credentials = options.redis->credentials.value_or(Credentials());
  if (const std::string user = FromEnvironment("REDIS_USERNAME"); !user.empty()) {
    credentials.user = user;
  }
  if (const std::string password = FromEnvironment("REDIS_PASSWORD"); !password.empty()) {
    credentials.password = password;
  }
  if (!options.redis_username_file.empty()) {
    credentials.user = ReadSecret(options.redis_username_file);
  }
  if (!options.redis_password_file.empty()) {
    credentials.password = ReadSecret(options.redis_password_file);
  }
  return credentials;
}

CredentialsSource CredentialsIn(const metrics::CredentialFiles& files) {
  if (files == metrics::CredentialFiles()) {
    return {};
  }
  return [files] {
    return Credentials{.user = files.username_file.empty() ? std::string() : ReadSecret(files.username_file),
                       .password = files.password_file.empty() ? std::string() : ReadSecret(files.password_file)};
  };
}

/// The Redis of the command line.
metrics::SourceConfig SourceOfFlags(const QueueOptions& options) {
  return {.name = std::string(metrics::kDefaultSource),
          .servers = options.redis->endpoint,
          .credentials = {options.redis_username_file, options.redis_password_file},
          .tls = options.redis->tls ? std::optional(metrics::redis::TlsOptions{.ca_file = options.redis_ca_file})
                                    : std::nullopt,
          .timeout = options.redis_timeout};
}

metrics::QueueConfig Parse(const QueueOptions& options, const std::string& text) {
  using metrics::RedisInFile;
  auto parsed = metrics::ParseQueueConfig(text, options.redis_by_flag ? RedisInFile::kMustNot
                                                : options.redis       ? RedisInFile::kMay
                                                                      : RedisInFile::kMust);
  if (const auto* problems = std::get_if<std::vector<metrics::ConfigProblem>>(&parsed)) {
    std::string lines;
    for (const metrics::ConfigProblem& problem : *problems) {
      lines += (lines.empty() ? "" : "\n") + options.config_file + ":" + std::to_string(problem.line) + ":" +
               std::to_string(problem.column) + ": " + problem.text;
    }
    throw ConfigurationError(lines);
  }
  auto config = std::get<metrics::QueueConfig>(std::move(parsed));
  if (config.sources.empty()) {
    config.sources.push_back(SourceOfFlags(options));
  }
  return config;
}

metrics::QueueConfig ConfigOfFlags(const QueueOptions& options) {
  auto config = metrics::ConfigOfEveryKey(*metrics::FindLayoutKind(options.layout), options.namespaces);
  config.sources.push_back(SourceOfFlags(options));
  return config;
}

struct SourceOptionsMaker {
  const metrics::SourceConfig& source;
  CredentialsSource credentials;

  metrics::redis::SourceOptions operator()(const metrics::redis::RedisEndpoint& endpoint) const {
    return metrics::redis::RedisOptions{.endpoint = endpoint,
                                        .credentials = credentials,
                                        .timeout = source.timeout,
                                        .name = source.name,
                                        .tls = source.tls,
                                        .protocol = source.protocol};
  }
  metrics::redis::SourceOptions operator()(const metrics::SentinelServers& servers) const {
    return metrics::redis::SentinelOptions{.master_name = servers.master,
                                           .sentinels = servers.sentinels,
                                           .sentinel_credentials = CredentialsIn(servers.sentinel_credentials),
                                           .sentinel_tls = servers.sentinel_tls,
                                           .database = servers.database,
                                           .credentials = credentials,
                                           .tls = source.tls,
                                           .timeout = source.timeout,
                                           .name = source.name,
                                           .protocol = source.protocol};
  }
  metrics::redis::SourceOptions operator()(const metrics::ClusterServers& servers) const {
    return metrics::redis::ClusterOptions{.seeds = servers.seeds,
                                          .credentials = credentials,
                                          .tls = source.tls,
                                          .timeout = source.timeout,
                                          .name = source.name,
                                          .protocol = source.protocol};
  }
};

/// The first of several lines, and how many more there are: what a log can hold.
std::string FirstLine(const std::string& lines) {
  const auto more = std::count(lines.begin(), lines.end(), '\n');
  return lines.substr(0, lines.find('\n')) + (more == 0 ? "" : " (and " + std::to_string(more) + " more problems)");
}

}  // namespace

metrics::QueueConfig LoadConfiguration(const QueueOptions& options) {
  return options.config_file.empty() ? ConfigOfFlags(options) : Parse(options, ReadFile(options.config_file));
}

metrics::redis::SourceOptions SourceOptionsOf(const QueueOptions& options, const metrics::SourceConfig& source) {
  const bool is_of_flags = options.redis && source == SourceOfFlags(options);
  const SourceOptionsMaker maker{source, is_of_flags ? CredentialsSource([&options] { return CredentialsOf(options); })
                                                     : CredentialsIn(source.credentials)};
  return std::visit(maker, source.servers);
}

Configuration::Configuration(const QueueOptions& options, metrics::QueueMetricProvider& provider, Telemetry& telemetry)
    : options_(options), provider_(provider), telemetry_(telemetry) {
  if (options.redis) {
    CredentialsOf(options);  // A file that cannot be read is told at start, not at the first connect.
  }
  if (options.config_file.empty()) {
    provider.Use(ConfigOfFlags(options));
    return;
  }
  std::string text = ReadFile(options.config_file);
  provider.Use(Parse(options, text));
  telemetry.OnConfiguration(true);
  follower_.emplace(std::move(text), Follower<std::string>::Hooks{
                                         .load = [this] { return Load(); },
                                         .use = [this](const std::string& changed) { Use(changed); },
                                         .report = [this](const auto& problem) { Report(problem); },
                                     });
}

std::string Configuration::Load() {
  for (const std::string& name : provider_.EndUnused()) {
    telemetry_.OnRedisGone(name);
    Log(LogLevel::kInfo, "redis is not configured any more", {{"redis", name}});
  }
  return ReadFile(options_.config_file);
}

void Configuration::Use(const std::string& text) {
  metrics::QueueConfig config = Parse(options_, text);
  const std::size_t queues = config.queues.size();
  const std::size_t sources = config.sources.size();
  provider_.Use(std::move(config));
  Log(LogLevel::kInfo, "configuration reloaded",
      {{"file", options_.config_file}, {"redis", std::to_string(sources)}, {"queues", std::to_string(queues)}});
}

void Configuration::Report(const std::optional<std::string>& problem) {
  telemetry_.OnConfiguration(!problem);
  if (problem) {
    Log(LogLevel::kError, "cannot use the new configuration, keeping the old one", {{"cause", FirstLine(*problem)}});
  } else {
    Log(LogLevel::kInfo, "the configuration file is in use as it is again", {{"file", options_.config_file}});
  }
}

std::vector<api::HealthCheck> Configuration::Readyz() const {
  if (!follower_) {
    return {};
  }
  const auto problem = [this]() -> std::optional<std::string> {
    const auto lines = follower_->Problem();
    return lines ? std::optional(FirstLine(*lines)) : std::nullopt;
  };
  return {{"configuration", problem, false}};
}

}  // namespace server
