// The API objects this server sends, as plain data: what json.h and protobuf.h encode. Fields that this server never
// sets are not here; the encoders write what Go writes for them.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace server::wire {

inline constexpr std::string_view kGroup = "external.metrics.k8s.io";
inline constexpr std::string_view kVersion = "v1beta1";
inline constexpr std::string_view kGroupVersion = "external.metrics.k8s.io/v1beta1";
inline constexpr std::string_view kMetricListKind = "ExternalMetricValueList";

struct ExternalMetricValue {
  std::string metric_name;
  std::map<std::string, std::string, std::less<>> metric_labels;
  std::chrono::sys_seconds timestamp;
  std::string value;  // The canonical text of a quantity.
};

struct ExternalMetricValueList {
  std::vector<ExternalMetricValue> items;
};

struct StatusCause {
  std::string reason;
  std::string message;
  std::string field;
};

struct StatusDetails {
  std::string name;
  std::string group;
  std::string kind;
  std::vector<StatusCause> causes;
};

/// Always a failure.
struct Status {
  int code;
  std::string reason;
  std::string message;
  std::optional<StatusDetails> details;
};

struct GroupVersionForDiscovery {
  std::string group_version;
  std::string version;
};

struct ApiGroup {
  std::string name;
  std::vector<GroupVersionForDiscovery> versions;
  GroupVersionForDiscovery preferred_version;
};

struct ApiGroupList {
  std::vector<ApiGroup> groups;
};

/// Namespaced.
struct ApiResource {
  std::string name;
  std::string kind;
  std::vector<std::string> verbs;
};

struct ApiResourceList {
  std::string group_version;
  std::vector<ApiResource> resources;
};

struct GroupVersionKind {
  std::string group;
  std::string version;
  std::string kind;
};

/// Namespaced.
struct ApiResourceDiscovery {
  std::string resource;
  GroupVersionKind response_kind;
  std::vector<std::string> verbs;
};

/// Always current: nothing is aggregated here that could be stale.
struct ApiVersionDiscovery {
  std::string version;
  std::vector<ApiResourceDiscovery> resources;
};

struct ApiGroupDiscovery {
  std::string name;
  std::vector<ApiVersionDiscovery> versions;
};

/// apidiscovery.k8s.io/v2.
struct ApiGroupDiscoveryList {
  std::vector<ApiGroupDiscovery> items;
};

struct TableColumn {
  std::string name;
  std::string description;
};

/// Every cell is a string.
struct Table {
  std::string version;  // Of meta.k8s.io.
  std::vector<TableColumn> columns;
  std::vector<std::vector<std::string>> rows;
};

}  // namespace server::wire
