#include "server/wire/json.h"

#include "server/wire/timestamp.h"

namespace server::wire {
namespace {

/// One object with its kind and version in front; `write_members` writes the rest.
template <typename WriteMembers>
std::string Document(JsonStyle style, std::string_view kind, std::string_view api_version, WriteMembers write_members) {
  std::string out;
  out.reserve(1024);
  JsonWriter json(out, style);
  json.BeginObject();
  json.Member("kind", kind);
  json.Member("apiVersion", api_version);
  write_members(json);
  json.EndObject();
  if (style == JsonStyle::kCompact) {
    out += '\n';
  }
  return out;
}

void WriteEmptyMetadata(JsonWriter& json) {
  json.Key("metadata");
  json.BeginObject();
  json.EndObject();
}

void WriteIfSet(JsonWriter& json, std::string_view name, std::string_view value) {
  if (!value.empty()) {
    json.Member(name, value);
  }
}

template <typename T, typename WriteElement>
void WriteArray(JsonWriter& json, std::string_view name, const std::vector<T>& values, WriteElement write_element) {
  json.Key(name);
  json.BeginArray();
  for (const T& value : values) {
    write_element(json, value);
  }
  json.EndArray();
}

void WriteString(JsonWriter& json, const std::string& value) { json.String(value); }

void WriteItem(JsonWriter& json, const ExternalMetricValue& item) {
  json.BeginObject();
  json.Member("metricName", item.metric_name);
  json.Key("metricLabels");
  json.BeginObject();
  for (const auto& [key, value] : item.metric_labels) {
    json.Member(key, value);
  }
  json.EndObject();
  json.Member("timestamp", Timestamp(item.timestamp));
  json.Member("value", item.value);
  json.EndObject();
}

void WriteCause(JsonWriter& json, const StatusCause& cause) {
  json.BeginObject();
  WriteIfSet(json, "reason", cause.reason);
  WriteIfSet(json, "message", cause.message);
  WriteIfSet(json, "field", cause.field);
  json.EndObject();
}

void WriteDetails(JsonWriter& json, const StatusDetails& details) {
  json.Key("details");
  json.BeginObject();
  WriteIfSet(json, "name", details.name);
  WriteIfSet(json, "group", details.group);
  WriteIfSet(json, "kind", details.kind);
  if (!details.causes.empty()) {
    WriteArray(json, "causes", details.causes, WriteCause);
  }
  json.EndObject();
}

void WriteGroupVersion(JsonWriter& json, const GroupVersionForDiscovery& version) {
  json.BeginObject();
  json.Member("groupVersion", version.group_version);
  json.Member("version", version.version);
  json.EndObject();
}

void WriteGroupMembers(JsonWriter& json, const ApiGroup& group) {
  json.Member("name", group.name);
  WriteArray(json, "versions", group.versions, WriteGroupVersion);
  json.Key("preferredVersion");
  WriteGroupVersion(json, group.preferred_version);
}

void WriteGroup(JsonWriter& json, const ApiGroup& group) {
  json.BeginObject();
  WriteGroupMembers(json, group);
  json.EndObject();
}

void WriteResource(JsonWriter& json, const ApiResource& resource) {
  json.BeginObject();
  json.Member("name", resource.name);
  json.Member("singularName", "");
  json.Key("namespaced");
  json.Bool(true);
  json.Member("kind", resource.kind);
  WriteArray(json, "verbs", resource.verbs, WriteString);
  json.EndObject();
}

void WriteResourceDiscovery(JsonWriter& json, const ApiResourceDiscovery& resource) {
  json.BeginObject();
  json.Member("resource", resource.resource);
  json.Key("responseKind");
  json.BeginObject();
  json.Member("group", resource.response_kind.group);
  json.Member("version", resource.response_kind.version);
  json.Member("kind", resource.response_kind.kind);
  json.EndObject();
  json.Member("scope", "Namespaced");
  json.Member("singularResource", "");
  WriteArray(json, "verbs", resource.verbs, WriteString);
  json.EndObject();
}

void WriteVersionDiscovery(JsonWriter& json, const ApiVersionDiscovery& version) {
  json.BeginObject();
  json.Member("version", version.version);
  if (!version.resources.empty()) {
    WriteArray(json, "resources", version.resources, WriteResourceDiscovery);
  }
  json.Member("freshness", "Current");
  json.EndObject();
}

void WriteGroupDiscovery(JsonWriter& json, const ApiGroupDiscovery& group) {
  json.BeginObject();
  json.Key("metadata");
  json.BeginObject();
  json.Member("name", group.name);
  json.EndObject();
  WriteArray(json, "versions", group.versions, WriteVersionDiscovery);
  json.EndObject();
}

void WriteColumn(JsonWriter& json, const TableColumn& column) {
  json.BeginObject();
  json.Member("name", column.name);
  json.Member("type", "string");
  json.Member("format", "");
  json.Member("description", column.description);
  json.Key("priority");
  json.Int(0);
  json.EndObject();
}

void WriteRow(JsonWriter& json, const std::vector<std::string>& cells) {
  json.BeginObject();
  WriteArray(json, "cells", cells, WriteString);
  json.Key("object");
  json.Null();
  json.EndObject();
}

}  // namespace

std::string EncodeJson(const ExternalMetricValueList& list, JsonStyle style) {
  return Document(style, kMetricListKind, kGroupVersion, [&](JsonWriter& json) {
    WriteEmptyMetadata(json);
    WriteArray(json, "items", list.items, WriteItem);
  });
}

std::string EncodeJson(const Status& status, JsonStyle style) {
  return Document(style, "Status", "v1", [&](JsonWriter& json) {
    WriteEmptyMetadata(json);
    json.Member("status", "Failure");
    json.Member("message", status.message);
    WriteIfSet(json, "reason", status.reason);
    if (status.details) {
      WriteDetails(json, *status.details);
    }
    json.Key("code");
    json.Int(status.code);
  });
}

std::string EncodeJson(const ApiGroup& group, JsonStyle style) {
  return Document(style, "APIGroup", "v1", [&](JsonWriter& json) { WriteGroupMembers(json, group); });
}

std::string EncodeJson(const ApiGroupList& list, JsonStyle style) {
  return Document(style, "APIGroupList", "v1",
                  [&](JsonWriter& json) { WriteArray(json, "groups", list.groups, WriteGroup); });
}

std::string EncodeJson(const ApiResourceList& list, JsonStyle style) {
  return Document(style, "APIResourceList", "v1", [&](JsonWriter& json) {
    json.Member("groupVersion", list.group_version);
    WriteArray(json, "resources", list.resources, WriteResource);
  });
}

std::string EncodeJson(const ApiGroupDiscoveryList& list, JsonStyle style) {
  return Document(style, "APIGroupDiscoveryList", "apidiscovery.k8s.io/v2", [&](JsonWriter& json) {
    WriteEmptyMetadata(json);
    WriteArray(json, "items", list.items, WriteGroupDiscovery);
  });
}

std::string EncodeJson(const Table& table, JsonStyle style) {
  return Document(style, "Table", "meta.k8s.io/" + table.version, [&](JsonWriter& json) {
    WriteEmptyMetadata(json);
    WriteArray(json, "columnDefinitions", table.columns, WriteColumn);
    WriteArray(json, "rows", table.rows, WriteRow);
  });
}

}  // namespace server::wire
