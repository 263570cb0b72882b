// Whatever comes as the ConfigMap that says whom to trust: what is broken is told and changes nothing, trust that was
// there stays until a whole new one replaces it, and the same again is the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "server/auth/authentication_config.h"
#include "server/kube/api.h"
#include "test/fuzz/fuzzing.h"

using fuzzing::Require;
using server::auth::AuthenticationConfig;
using server::auth::UpdatedConfig;
using server::kube::ConfigMapData;

namespace {

bool SameNames(const AuthenticationConfig& left, const AuthenticationConfig& right) {
  if (!left.front_proxy || !right.front_proxy) return !left.front_proxy && !right.front_proxy;
  const auto& a = *left.front_proxy;
  const auto& b = *right.front_proxy;
  return a.allowed_names == b.allowed_names && a.user_headers == b.user_headers && a.uid_headers == b.uid_headers &&
         a.group_headers == b.group_headers && a.extra_prefixes == b.extra_prefixes;
}

bool HasText(const ConfigMapData& data, const char* key) {
  const auto found = data.find(key);
  return found != data.end() && !found->second.empty();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto document = server::kube::Json::Parse(fuzzing::Text(data, size));
  ConfigMapData map;
  if (document) {
    for (const auto& [key, value] : (*document)["data"].Members()) map.emplace(key, value.String());
  }

  std::vector<std::string> problems;
  const AuthenticationConfig first = UpdatedConfig({}, map, problems);
  Require(!first.front_proxy || first.front_proxy->ca);
  const bool front_proxy_broken = HasText(map, "requestheader-client-ca-file") && !first.front_proxy;
  const bool client_ca_broken = HasText(map, "client-ca-file") && !first.client_ca;
  Require(problems.size() == (front_proxy_broken ? 1U : 0U) + (client_ca_broken ? 1U : 0U));
  Require(HasText(map, "requestheader-client-ca-file") || !first.front_proxy);
  Require(HasText(map, "client-ca-file") || !first.client_ca);

  const AuthenticationConfig second = UpdatedConfig(first, map, problems);
  Require(SameNames(first, second) && (first.client_ca == nullptr) == (second.client_ca == nullptr));
  const AuthenticationConfig emptied = UpdatedConfig(first, {}, problems);
  Require(SameNames(first, emptied) && first.client_ca == emptied.client_ca);

  server::auth::AuthenticationConfigHolder holder;
  Require(holder.Apply(map).changed);
  Require((holder.Current() == nullptr) == (!first.front_proxy && !first.client_ca));
  Require((holder.Current() == nullptr) == holder.NotReady().has_value());
  return 0;
}
