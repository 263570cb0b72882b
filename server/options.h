// Flags and environment, turned into options that are right or a list of everything that is wrong with them.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "metrics/redis/redis_url.h"
#include "server/http/https_server.h"
#include "server/log.h"

namespace server {

/// Who is let in.
enum class AuthMode : std::uint8_t { kNone, kClientCertificate, kDelegated };

/// Which queues there are, and in which Redis.
struct QueueOptions {
  /// Empty: all keys of `redis` are queues of `layout`, for `namespaces`.
  std::string config_file;
  std::string layout = "by-type";
  std::vector<std::string> namespaces;  // Empty: all.

  /// Nothing only if there is a config_file, which may name its own.
  std::optional<metrics::redis::RedisUrl> redis;
  bool redis_by_flag = false;  // And not by the environment.
  std::string redis_ca_file;   // Of rediss://; empty: the CAs of this system.
  std::string redis_username_file;
  std::string redis_password_file;
  std::chrono::milliseconds redis_timeout{1'000};
};

struct CheckOptions : QueueOptions {
  /// Whether to read the queues, too.
  bool connect = false;
};

struct ServeOptions : QueueOptions {
  http::ListenerOptions listener;
  /// Both or neither; neither means a self-made certificate, or a shared one.
  std::string tls_cert_file;
  std::string tls_private_key_file;
  std::vector<std::string> tls_self_signed_hosts{"localhost", "127.0.0.1", "::1",
                                                 "queue-metrics-server.queue-metrics.svc"};
  std::string tls_ca_out_file;
  bool tls_self_managed = false;
  std::string tls_secret_name;
  std::string tls_secret_namespace;  // Empty: the one of the pod, or of the kubeconfig's context.
  std::chrono::seconds tls_certificate_lifetime{};
  std::string client_ca_file;
  AuthMode auth = AuthMode::kClientCertificate;
  std::string kubeconfig;  // Empty: what Kubernetes gives a pod.
  /// How long readiness fails before connections do: the time a cluster takes to stop sending requests here.
  std::chrono::milliseconds shutdown_delay{5'000};

  bool wake = false;  // Help HPAs that ask for it with zero.

  LogFormat log_format = LogFormat::kAuto;
  LogLevel log_level = LogLevel::kInfo;
};

/// What to do instead of serving: print `output` and exit with `code`.
struct Exit {
  int code;
  std::string output;
};

/// Reads the command line and the environment. Every wrong value is in the output of an Exit, one line each, naming the
/// flag, the value and what would be right.
std::variant<ServeOptions, CheckOptions, Exit> ParseCommandLine(int argc, const char* const* argv);

}  // namespace server
