// The configuration file: which Redis there are, which queues, who may see them. From YAML to values that are right, or
// to a list of everything that is wrong with them. docs/configuration.md explains it to people.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "metrics/metric_provider.h"
#include "metrics/queue_layout.h"
#include "metrics/queue_layouts.h"
#include "metrics/redis/redis_options.h"
#include "metrics/redis/redis_url.h"

namespace metrics {

/// Where user and password are to be read at each connect. Empty: there is none.
struct CredentialFiles {
  std::string username_file{};
  std::string password_file{};

  bool operator==(const CredentialFiles&) const = default;
};

/// The master that Sentinels watch over.
struct SentinelServers {
  std::string master;
  /// At least one. Their database means nothing.
  std::vector<redis::RedisEndpoint> sentinels;
  CredentialFiles sentinel_credentials;
  /// None: plain text.
  std::optional<redis::TlsOptions> sentinel_tls;
  /// Of the master.
  std::uint32_t database = 0;

  bool operator==(const SentinelServers&) const = default;
};

struct ClusterServers {
  /// At least one; the cluster tells of the others.
  std::vector<redis::RedisEndpoint> seeds;

  bool operator==(const ClusterServers&) const = default;
};

/// One Redis, of however many servers.
struct SourceConfig {
  std::string name;
  std::variant<redis::RedisEndpoint, SentinelServers, ClusterServers> servers;
  /// Of the servers that hold queues.
  CredentialFiles credentials;
  /// None: plain text.
  std::optional<redis::TlsOptions> tls;
  std::chrono::milliseconds timeout{1000};
  redis::Protocol protocol = redis::Protocol::kResp2;

  bool operator==(const SourceConfig&) const = default;
};

/// What to answer when a queue cannot be read. At most one of them; none: the error.
struct ErrorPolicy {
  /// The last reading, until it is that old.
  std::optional<std::chrono::nanoseconds> hold{};
  /// That many jobs.
  std::optional<std::int64_t> value{};

  bool operator==(const ErrorPolicy&) const = default;
};

/// What can be said of a queue besides its name.
struct QueueSettings {
  /// A source's name.
  std::string redis;
  std::string layout_name = "by-type";
  LayoutOptions layout_options;
  /// Who may see it; empty: everybody.
  std::vector<std::string> namespaces;
  ErrorPolicy on_error;
  /// How old a reading may be that is answered once more; zero: none is.
  std::chrono::nanoseconds max_age{0};
  /// Besides `queue` and `redis`.
  Labels labels;

  bool operator==(const QueueSettings&) const = default;
};

/// A queue, or all those whose names fit a pattern.
struct ConfiguredQueue {
  /// The value of the label `queue`; in a pattern, exactly one `*` stands for one character or more.
  std::string name;
  bool is_pattern = false;
  /// What the framework calls it, or which key it is. In a pattern, its one `*` stands for the same as that of the
  /// name.
  std::string name_in_redis;
  QueueSettings settings;
  /// Never null.
  std::shared_ptr<const QueueLayout> layout;
  /// Of a pattern, if the framework has one.
  std::optional<QueueRegistry> registry{};
};

struct QueueConfig {
  /// Sorted by name. None: the file leaves it to the command line, whose Redis is called "default".
  std::vector<SourceConfig> sources;
  /// In the order written; at least one. No two names have both name and source in common.
  std::vector<ConfiguredQueue> queues;
};

/// Whether Kubernetes takes it for the name of a namespace.
bool IsNamespaceName(std::string_view text);

/// What a server without a configuration file goes by: every key of the only Redis is a queue under its own name.
QueueConfig ConfigOfEveryKey(const LayoutKind& layout, std::vector<std::string> namespaces);

/// The source of a configuration that names none.
inline constexpr std::string_view kDefaultSource = "default";

struct ConfigProblem {
  /// From 1.
  int line;
  int column;
  /// A sentence that names the value and what would be right. Holds no value that may be a secret.
  std::string text;
};

/// What the command line leaves to the file.
enum class RedisInFile : std::uint8_t {
  kMay,      // There is another, for a file that names none.
  kMust,     // There is no other.
  kMustNot,  // There is another, and it is meant.
};

/// Every problem of the text, sorted by where it is, if there is any.
std::variant<QueueConfig, std::vector<ConfigProblem>> ParseQueueConfig(std::string_view yaml,
                                                                       RedisInFile redis = RedisInFile::kMay);

}  // namespace metrics
