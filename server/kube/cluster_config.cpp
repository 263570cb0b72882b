#include "server/kube/cluster_config.h"

#include <charconv>
#include <system_error>

#include "server/read_file.h"

namespace server::kube {

std::string Material::Read() const {
  if (!data.empty() || file.empty()) {
    return data;
  }
  try {
    return ReadFile(file);
  } catch (const std::system_error& error) {
    throw ConfigError(error.what());
  }
}

std::optional<ClusterConfig> InClusterConfig(const char* host, const char* port,
                                             const std::filesystem::path& service_account) {
  const std::string_view host_text = host == nullptr ? "" : host;
  const std::string_view port_text = port == nullptr ? "" : port;
  if (host_text.empty() || port_text.empty()) {
    return std::nullopt;
  }
  ClusterConfig config{};
  config.host = host_text;
  const char* end = port_text.data() + port_text.size();
  if (const auto [rest, error] = std::from_chars(port_text.data(), end, config.port);
      error != std::errc{} || rest != end) {
    throw ConfigError("KUBERNETES_SERVICE_PORT=\"" + std::string(port_text) + "\" is not a port");
  }
  config.ca.file = service_account / "ca.crt";
  config.token.file = service_account / "token";
  config.own_namespace.file = service_account / "namespace";
  return config;
}

}  // namespace server::kube
