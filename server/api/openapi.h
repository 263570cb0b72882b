// OpenAPI documents: kube-apiserver merges them into the cluster's, and `kubectl explain` reads them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace server::api {

/// Swagger 2.0. Each metric has a path of its own, since that is how `kubectl explain METRIC` finds its kind.
std::string OpenApiV2(const std::vector<std::string>& metrics);

/// OpenAPI 3.0 of the one group version.
std::string OpenApiV3(const std::vector<std::string>& metrics);

/// The index of OpenAPI 3.0 documents. It names only ours: kube-apiserver merges the indexes of all servers by key.
/// `hash` is that of OpenApiV3().
std::string OpenApiV3Index(std::string_view hash);

}  // namespace server::api
