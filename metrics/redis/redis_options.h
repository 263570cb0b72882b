// What is configured of a Redis, however many servers it is made of: plain data.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "metrics/redis/protocol.h"
#include "metrics/redis/redis_url.h"

namespace metrics::redis {

/// TLS 1.2 or later to every server of a source. Files are read at each connect, so that rotated ones are found.
struct TlsOptions {
  enum class Verify : std::uint8_t {
    kChainAndName,
    kChain,    // Any certificate that the CA has signed: for servers that are known by addresses only.
    kNothing,  // Whoever answers is believed, and gets the password.
  };

  /// PEM: who may vouch for the servers. Empty: the CAs of this system.
  std::string ca_file{};
  /// PEM, leaf first: what is shown to a server that asks. Both or neither.
  std::string certificate_file{};
  std::string key_file{};
  /// A line with the password of the key, if that is encrypted.
  std::string key_password_file{};
  /// Sent as SNI and looked for in the certificate. Empty: the host that is connected to.
  std::string server_name{};
  Verify verify = Verify::kChainAndName;

  bool operator==(const TlsOptions&) const = default;
};

/// Asked at each connect, so that rotated credentials are found; on the I/O thread, so it must be quick. What it throws
/// is told to clients and must hold no secret. Empty: there is no AUTH.
using CredentialsSource = std::function<Credentials()>;

/// One server.
struct RedisOptions {
  RedisEndpoint endpoint;
  CredentialsSource credentials{};
  /// How long a Redis that works may be silent: while a connection is opened, and while it owes an answer.
  std::chrono::milliseconds timeout{1000};
  /// The label of its telemetry.
  std::string name = "default";
  /// None: plain text.
  std::optional<TlsOptions> tls{};
  Protocol protocol = Protocol::kResp2;
};

/// The master that Sentinels watch over.
struct SentinelOptions {
  /// What the Sentinels call it.
  std::string master_name;
  /// At least one; those that answer are listened to. Their database means nothing.
  std::vector<RedisEndpoint> sentinels;
  CredentialsSource sentinel_credentials{};
  std::optional<TlsOptions> sentinel_tls{};
  /// Of the master, and of whoever becomes it.
  std::uint32_t database = 0;
  CredentialsSource credentials{};
  std::optional<TlsOptions> tls{};
  std::chrono::milliseconds timeout{1000};
  std::string name = "default";
  /// With the Sentinels, too.
  Protocol protocol = Protocol::kResp2;
};

/// A Redis Cluster.
struct ClusterOptions {
  /// At least one; the others are learnt from any of them. Their database must be 0, the only one of a cluster.
  std::vector<RedisEndpoint> seeds;
  /// The same for all nodes.
  CredentialsSource credentials{};
  std::optional<TlsOptions> tls{};
  std::chrono::milliseconds timeout{1000};
  std::string name = "default";
  Protocol protocol = Protocol::kResp2;
};

using SourceOptions = std::variant<RedisOptions, SentinelOptions, ClusterOptions>;

}  // namespace metrics::redis
