// The only place that knows yaml-cpp.
#include <array>
#include <charconv>
#include <system_error>

#include <yaml-cpp/yaml.h>

#include "server/kube/base64.h"
#include "server/kube/cluster_config.h"

namespace server::kube {
namespace {

std::string Text(const YAML::Node& node, const char* key) {
  const YAML::Node value = node[key];
  if (!value || value.IsNull()) {
    return "";
  }
  if (!value.IsScalar()) {
    throw ConfigError(std::string(key) + " is not a string");
  }
  return value.Scalar();
}

/// The `kind` (cluster, context, user) called `name`.
YAML::Node Find(const YAML::Node& root, const std::string& kind, const std::string& name) {
  const YAML::Node entries = root[kind + "s"];
  if (entries && entries.IsSequence()) {
    for (const YAML::Node& entry : entries) {
      if (entry.IsMap() && Text(entry, "name") == name && entry[kind] && entry[kind].IsMap()) {
        return entry[kind];
      }
    }
  }
  throw ConfigError("there is no " + kind + " \"" + name + "\"");
}

/// `key`-data in base64, which wins, or the file `key`.
Material ReadMaterial(const YAML::Node& node, const std::string& key, const std::filesystem::path& folder) {
  const std::string data_key = key + "-data";
  Material material;
  auto data = DecodeBase64(Text(node, data_key.c_str()));
  if (!data) {
    throw ConfigError(data_key + " is not base64");
  }
  material.data = *std::move(data);
  if (const std::string file = Text(node, key.c_str()); material.data.empty() && !file.empty()) {
    material.file = folder / file;
  }
  return material;
}

/// "https://HOST[:PORT][/PATH]".
void ReadServer(const std::string& url, ClusterConfig& config) {
  const ConfigError malformed("server \"" + url + "\" is not like https://HOST:PORT");
  constexpr std::string_view kScheme = "https://";
  std::string_view rest = url;
  if (!rest.starts_with(kScheme)) {
    throw malformed;
  }
  rest.remove_prefix(kScheme.size());
  std::string_view authority = rest.substr(0, rest.find('/'));
  std::string_view path = rest.substr(authority.size());
  while (path.ends_with('/')) {
    path.remove_suffix(1);
  }
  std::string_view port = "443";
  const std::size_t bracket = authority.find(']');
  if (const std::size_t colon = authority.rfind(':');
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    port = authority.substr(colon + 1);
    authority = authority.substr(0, colon);
  }
  if (authority.starts_with('[') && authority.ends_with(']')) {
    authority = authority.substr(1, authority.size() - 2);
  }
  const char* end = port.data() + port.size();
  const auto [parsed, error] = std::from_chars(port.data(), end, config.port);
  const bool hostile = url.find_first_of(" \t\r\n@?#") != std::string::npos;
  if (authority.empty() || error != std::errc{} || parsed != end || config.port == 0 || hostile) {
    throw malformed;
  }
  config.host = authority;
  config.base_path = path;
}

void RefuseUnsupported(const YAML::Node& cluster, const YAML::Node& user) {
  if (Text(cluster, "insecure-skip-tls-verify") == "true") {
    throw ConfigError("insecure-skip-tls-verify is not supported: name the CA with certificate-authority");
  }
  if (!Text(cluster, "proxy-url").empty()) {
    throw ConfigError("proxy-url is not supported");
  }
  for (const char* key : {"exec", "auth-provider", "username", "password", "as", "as-groups"}) {
    if (user[key] && !user[key].IsNull()) {
      throw ConfigError(std::string(key) + " is not supported: use a client certificate, a token or a token file");
    }
  }
}

ClusterConfig FromYaml(const YAML::Node& root, const std::filesystem::path& folder) {
  if (!root.IsMap()) {
    throw ConfigError("it is not a YAML mapping");
  }
  const std::string current = Text(root, "current-context");
  if (current.empty()) {
    throw ConfigError("current-context is not set");
  }
  const YAML::Node context = Find(root, "context", current);
  const YAML::Node cluster = Find(root, "cluster", Text(context, "cluster"));
  const YAML::Node user = Find(root, "user", Text(context, "user"));
  RefuseUnsupported(cluster, user);

  ClusterConfig config{};
  ReadServer(Text(cluster, "server"), config);
  config.own_namespace.data = Text(context, "namespace");
  config.tls_server_name = Text(cluster, "tls-server-name");
  config.ca = ReadMaterial(cluster, "certificate-authority", folder);
  config.client_certificate = ReadMaterial(user, "client-certificate", folder);
  config.client_key = ReadMaterial(user, "client-key", folder);
  if (config.client_certificate.empty() != config.client_key.empty()) {
    throw ConfigError("client-certificate and client-key go together");
  }
  // As in client-go, the file wins: it is the one that rotates.
  if (const std::string file = Text(user, "tokenFile"); !file.empty()) {
    config.token.file = folder / file;
  } else {
    config.token.data = Text(user, "token");
  }
  return config;
}

}  // namespace

ClusterConfig ParseKubeconfig(const std::string& yaml, const std::filesystem::path& folder) try {
  return FromYaml(YAML::Load(yaml), folder);
} catch (const YAML::Exception& error) {
  throw ConfigError(error.what());
}

ClusterConfig ReadKubeconfig(const std::filesystem::path& file) {
  const std::string yaml = Material{.data = {}, .file = file}.Read();
  try {
    return ParseKubeconfig(yaml, file.parent_path());
  } catch (const ConfigError& error) {
    throw ConfigError("kubeconfig " + file.string() + ": " + error.what());
  }
}

}  // namespace server::kube
