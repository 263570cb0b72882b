// How to reach a kube-apiserver, whom to believe there, and as whom to come.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace server::kube {

/// The configuration is missing, malformed, or asks for what this client does not do. One sentence.
class ConfigError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Something kept in a configuration or in a file of its own, which may change.
struct Material {
  std::string data;
  std::filesystem::path file;  // Only if `data` is empty.

  bool empty() const { return data.empty() && file.empty(); }
  /// The contents as they are now. Throws ConfigError naming the file.
  std::string Read() const;
};

struct ClusterConfig {
  std::string host;  // A name or an address; without brackets.
  std::uint16_t port;
  std::string base_path;        // "" or "/like/this": in front of every path.
  std::string tls_server_name;  // Empty: `host`.
  Material ca;                  // PEM. Empty: the CAs of this system.
  Material client_certificate;  // PEM; with its key, or neither.
  Material client_key;
  Material token;
  Material own_namespace;  // Whose objects are ours: the pod's, or the one of the kubeconfig's context. May be empty.
};

/// What Kubernetes gives every pod; `host` and `port` are the environment's KUBERNETES_SERVICE_HOST and _PORT, or null.
/// Nothing outside of a cluster. Throws ConfigError.
std::optional<ClusterConfig> InClusterConfig(
    const char* host, const char* port,
    const std::filesystem::path& service_account = "/var/run/secrets/kubernetes.io/serviceaccount");

/// The current context of a kubeconfig file. Relative names of files in it are relative to it. Throws ConfigError with
/// the file's name and what is wrong; credential plugins and unverified TLS are refused.
ClusterConfig ReadKubeconfig(const std::filesystem::path& file);

/// The same, of its text. `folder`: where it lies.
ClusterConfig ParseKubeconfig(const std::string& yaml, const std::filesystem::path& folder);

}  // namespace server::kube
