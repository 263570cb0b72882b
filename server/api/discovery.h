// What this server offers, for clients that ask before they use it: kubectl, and kube-apiserver's aggregator.
#pragma once

#include <string>
#include <vector>

#include "server/wire/objects.h"

namespace server::api {

/// Resources are listed with the verb "get" only, as adapters of this API do: controllers that list, watch or delete
/// whatever offers those verbs leave them alone.
wire::ApiGroup DescribeGroup();
wire::ApiGroupList DescribeGroups();
wire::ApiResourceList DescribeResources(const std::vector<std::string>& metrics);
wire::ApiGroupDiscoveryList DescribeAll(const std::vector<std::string>& metrics);

}  // namespace server::api
