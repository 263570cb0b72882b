#include "server/api/discovery.h"

#include <utility>

namespace server::api {

using std::string;

wire::ApiGroup DescribeGroup() {
  const wire::GroupVersionForDiscovery version{string(wire::kGroupVersion), string(wire::kVersion)};
  return {string(wire::kGroup), {version}, version};
}

wire::ApiGroupList DescribeGroups() { return {{DescribeGroup()}}; }

wire::ApiResourceList DescribeResources(const std::vector<string>& metrics) {
  wire::ApiResourceList list{string(wire::kGroupVersion), {}};
  for (const string& metric : metrics) {
    list.resources.push_back({metric, string(wire::kMetricListKind), {"get"}});
  }
  return list;
}

wire::ApiGroupDiscoveryList DescribeAll(const std::vector<string>& metrics) {
  const wire::GroupVersionKind kind{string(wire::kGroup), string(wire::kVersion), string(wire::kMetricListKind)};
  wire::ApiVersionDiscovery version{kind.version, {}};
  for (const string& metric : metrics) {
    version.resources.push_back({metric, kind, {"get"}});
  }
  return {{{kind.group, {std::move(version)}}}};
}

}  // namespace server::api
