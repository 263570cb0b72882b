#include "server/api/openapi.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "server/wire/json_writer.h"
#include "server/wire/negotiation.h"
#include "server/wire/objects.h"

namespace server::api {
namespace {

using wire::JsonStyle;
using wire::JsonWriter;

enum class Dialect : std::uint8_t { kV2, kV3 };

// The names Kubernetes itself gives these types.
constexpr std::string_view kValueList = "io.k8s.metrics.pkg.apis.external_metrics.v1beta1.ExternalMetricValueList";
constexpr std::string_view kValue = "io.k8s.metrics.pkg.apis.external_metrics.v1beta1.ExternalMetricValue";
constexpr std::string_view kQuantity = "io.k8s.apimachinery.pkg.api.resource.Quantity";
constexpr std::string_view kTime = "io.k8s.apimachinery.pkg.apis.meta.v1.Time";
constexpr std::string_view kListMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";
constexpr std::string_view kStatus = "io.k8s.apimachinery.pkg.apis.meta.v1.Status";
constexpr std::string_view kStatusDetails = "io.k8s.apimachinery.pkg.apis.meta.v1.StatusDetails";
constexpr std::string_view kStatusCause = "io.k8s.apimachinery.pkg.apis.meta.v1.StatusCause";
constexpr std::string_view kApiResourceList = "io.k8s.apimachinery.pkg.apis.meta.v1.APIResourceList";
constexpr std::string_view kApiResource = "io.k8s.apimachinery.pkg.apis.meta.v1.APIResource";

enum class Shape : std::uint8_t { kString, kInt32, kBool, kStrings, kStringMap, kDefinition, kDefinitions };

struct Property {
  std::string_view name;
  Shape shape;
  /// The definition's name for kDefinition and kDefinitions.
  std::string_view definition;
  /// Not for kDefinition: nothing may stand beside a reference, and what it refers to is described itself.
  std::string_view description;
  bool required = false;
};

struct Definition {
  std::string_view name;
  std::string_view description;
  std::span<const Property> properties;  // Empty: a string.
  std::string_view format;               // Of a string.
};

constexpr Property kApiVersionProperty{"apiVersion", Shape::kString, "", "Group and version of this document"};
constexpr Property kKindProperty{"kind", Shape::kString, "", "Kind of this document"};
constexpr Property kMetadataProperty{"metadata", Shape::kDefinition, kListMeta, ""};

constexpr std::array kValueListProperties{
    kApiVersionProperty,
    Property{"items", Shape::kDefinitions, kValue, "One value for each queue that the selector matches", true},
    kKindProperty,
    kMetadataProperty,
};
constexpr std::array kValueProperties{
    Property{"metricLabels", Shape::kStringMap, "",
             "What tells this value from others of the metric, such as the queue", true},
    Property{"metricName", Shape::kString, "", "Name of the metric", true},
    Property{"timestamp", Shape::kDefinition, kTime, "", true},
    Property{"value", Shape::kDefinition, kQuantity, "", true},
};
constexpr std::array kListMetaProperties{
    Property{"resourceVersion", Shape::kString, "", "Not set: metrics have no versions"},
};
constexpr std::array kStatusProperties{
    kApiVersionProperty,
    Property{"code", Shape::kInt32, "", "HTTP status"},
    Property{"details", Shape::kDefinition, kStatusDetails, ""},
    kKindProperty,
    Property{"message", Shape::kString, "", "What went wrong, for people"},
    kMetadataProperty,
    Property{"reason", Shape::kString, "", "What went wrong, for programs, in one word"},
    Property{"status", Shape::kString, "", "Success or Failure"},
};
constexpr std::array kStatusDetailsProperties{
    Property{"causes", Shape::kDefinitions, kStatusCause, "Each single mistake"},
    Property{"group", Shape::kString, "", "API group of the resource"},
    Property{"kind", Shape::kString, "", "The resource"},
    Property{"name", Shape::kString, "", "Name of the object"},
};
constexpr std::array kStatusCauseProperties{
    Property{"field", Shape::kString, "", "The parameter at fault"},
    Property{"message", Shape::kString, "", "What is wrong with it, for people"},
    Property{"reason", Shape::kString, "", "What is wrong with it, for programs, in one word"},
};
constexpr std::array kApiResourceListProperties{
    kApiVersionProperty,
    Property{"groupVersion", Shape::kString, "", "The group and version that are described", true},
    kKindProperty,
    Property{"resources", Shape::kDefinitions, kApiResource, "The metrics on offer", true},
};
constexpr std::array kApiResourceProperties{
    Property{"kind", Shape::kString, "", "Kind of the answer", true},
    Property{"name", Shape::kString, "", "Name of the metric", true},
    Property{"namespaced", Shape::kBool, "", "Whether it is asked for within a namespace", true},
    Property{"singularName", Shape::kString, "", "Not set", true},
    Property{"verbs", Shape::kStrings, "", "What can be done with it", true},
};

// Sorted by name, as both documents want their keys.
constexpr std::array kDefinitions{
    Definition{
        kQuantity, "A number: digits with an optional suffix, such as 1500, 12k or 1500m (one and a half)", {}, ""},
    Definition{kApiResource, "One resource of a group and version", kApiResourceProperties, ""},
    Definition{kApiResourceList, "The resources of a group and version", kApiResourceListProperties, ""},
    Definition{kListMeta, "Metadata of a list", kListMetaProperties, ""},
    Definition{kStatus, "The answer when there is no other", kStatusProperties, ""},
    Definition{kStatusCause, "One mistake", kStatusCauseProperties, ""},
    Definition{kStatusDetails, "What a Status is about", kStatusDetailsProperties, ""},
    Definition{kTime, "A point in time, as in RFC 3339", {}, "date-time"},
    Definition{kValue, "The value of a metric for one set of labels, as it was at the timestamp", kValueProperties, ""},
    Definition{kValueList, "The values of one external metric. A HorizontalPodAutoscaler adds them up.",
               kValueListProperties, ""},
};

struct Parameter {
  std::string_view name;
  std::string_view in;
  std::string_view description;
};

constexpr std::array kMetricParameters{
    Parameter{"namespace", "path", "The namespace on whose behalf the metric is read"},
    Parameter{"labelSelector", "query", "Which queues to read, such as queue=emails or queue in (emails,invoices)"},
    Parameter{"pretty", "query", "\"true\" indents the answer"},
    Parameter{"timeout", "query", "How long the answer may take, such as 5s"},
};

class DocumentWriter {
 public:
  DocumentWriter(std::string& out, Dialect dialect) : json_(out, JsonStyle::kCompact), v3_(dialect == Dialect::kV3) {}

  void Write(const std::vector<std::string>& metrics) {
    json_.BeginObject();
    json_.Member(v3_ ? "openapi" : "swagger", v3_ ? "3.0.0" : "2.0");
    Object("info", [&] {
      json_.Member("title", "queue-metrics-server");
      json_.Member("version", wire::kVersion);
    });
    Object("paths", [&] { WritePaths(metrics); });
    if (v3_) {
      Object("components", [&] { Object("schemas", [&] { WriteDefinitions(); }); });
    } else {
      Object("definitions", [&] { WriteDefinitions(); });
    }
    json_.EndObject();
  }

 private:
  template <typename WriteMembers>
  void Object(std::string_view name, WriteMembers write_members) {
    json_.Key(name);
    json_.BeginObject();
    write_members();
    json_.EndObject();
  }

  void StringArray(std::string_view name, std::span<const std::string_view> values) {
    json_.Key(name);
    json_.BeginArray();
    for (const std::string_view value : values) {
      json_.String(value);
    }
    json_.EndArray();
  }

  void WritePaths(const std::vector<std::string>& metrics) {
    const std::string root = "/apis/" + std::string(wire::kGroupVersion) + "/";
    WritePath(root, "getExternalMetricsV1beta1Resources", "list the metrics on offer", kApiResourceList, {});
    for (const std::string& metric : metrics) {
      WritePath(root + "namespaces/{namespace}/" + metric, "listExternalMetricsV1beta1Namespaced_" + metric,
                "read the metric " + metric, kValueList, kMetricParameters);
    }
  }

  void WritePath(std::string_view path, std::string_view operation, std::string_view description,
                 std::string_view answer, std::span<const Parameter> parameters) {
    constexpr std::array<std::string_view, 2> kMediaTypes{wire::kJsonMediaType, wire::kProtobufMediaType};
    constexpr std::array<std::string_view, 1> kSchemes{"https"};
    constexpr std::array<std::string_view, 1> kTags{"externalMetrics_v1beta1"};
    Object(path, [&] {
      Object("get", [&] {
        json_.Member("description", description);
        json_.Member("operationId", operation);
        StringArray("tags", kTags);
        if (!v3_) {
          StringArray("produces", kMediaTypes);
          StringArray("schemes", kSchemes);
        }
        json_.Key("parameters");
        json_.BeginArray();
        for (const Parameter& parameter : parameters) {
          WriteParameter(parameter);
        }
        json_.EndArray();
        Object("responses", [&] {
          WriteResponse("200", "OK", answer, kMediaTypes);
          WriteResponse("default", "Failure", kStatus, kMediaTypes);
        });
        if (answer == kValueList) {
          json_.Member("x-kubernetes-action", "list");
          json_.Key("x-kubernetes-group-version-kind");
          WriteGroupVersionKind();
        }
      });
    });
  }

  void WriteParameter(const Parameter& parameter) {
    json_.BeginObject();
    json_.Member("name", parameter.name);
    json_.Member("in", parameter.in);
    json_.Member("description", parameter.description);
    if (parameter.in == "path") {
      json_.Key("required");
      json_.Bool(true);
    }
    if (v3_) {
      Object("schema", [&] { json_.Member("type", "string"); });
    } else {
      json_.Member("type", "string");
    }
    json_.EndObject();
  }

  void WriteResponse(std::string_view code, std::string_view description, std::string_view definition,
                     std::span<const std::string_view> media_types) {
    Object(code, [&] {
      json_.Member("description", description);
      if (!v3_) {
        Object("schema", [&] { WriteReference(definition); });
        return;
      }
      Object("content", [&] {
        for (const std::string_view media_type : media_types) {
          Object(media_type, [&] { Object("schema", [&] { WriteReference(definition); }); });
        }
      });
    });
  }

  void WriteReference(std::string_view definition) {
    json_.Member("$ref", (v3_ ? "#/components/schemas/" : "#/definitions/") + std::string(definition));
  }

  void WriteGroupVersionKind() {
    json_.BeginObject();
    json_.Member("group", wire::kGroup);
    json_.Member("version", wire::kVersion);
    json_.Member("kind", wire::kMetricListKind);
    json_.EndObject();
  }

  void WriteDefinitions() {
    for (const Definition& definition : kDefinitions) {
      Object(definition.name, [&] { WriteDefinition(definition); });
    }
  }

  void WriteDefinition(const Definition& definition) {
    json_.Member("description", definition.description);
    if (definition.properties.empty()) {
      json_.Member("type", "string");
      if (!definition.format.empty()) {
        json_.Member("format", definition.format);
      }
      return;
    }
    json_.Member("type", "object");
    WriteRequired(definition.properties);
    Object("properties", [&] {
      for (const Property& property : definition.properties) {
        Object(property.name, [&] { WriteProperty(property); });
      }
    });
    // Only our own kind: that of a Status is kube-apiserver's, in whose document there must not be two of it.
    if (definition.name == kValueList) {
      json_.Key("x-kubernetes-group-version-kind");
      json_.BeginArray();
      WriteGroupVersionKind();
      json_.EndArray();
    }
  }

  void WriteRequired(std::span<const Property> properties) {
    std::vector<std::string_view> names;
    for (const Property& property : properties) {
      if (property.required) {
        names.push_back(property.name);
      }
    }
    if (!names.empty()) {  // An empty list is not allowed.
      StringArray("required", names);
    }
  }

  void WriteProperty(const Property& property) {
    if (property.shape == Shape::kDefinition) {
      WriteReference(property.definition);
      return;
    }
    json_.Member("description", property.description);
    switch (property.shape) {
      case Shape::kInt32:
        json_.Member("type", "integer");
        json_.Member("format", "int32");
        return;
      case Shape::kBool:
        json_.Member("type", "boolean");
        return;
      case Shape::kStrings:
        json_.Member("type", "array");
        Object("items", [&] { json_.Member("type", "string"); });
        return;
      case Shape::kStringMap:
        json_.Member("type", "object");
        Object("additionalProperties", [&] { json_.Member("type", "string"); });
        return;
      case Shape::kDefinitions:
        json_.Member("type", "array");
        Object("items", [&] { WriteReference(property.definition); });
        return;
      case Shape::kString:
      case Shape::kDefinition:
        json_.Member("type", "string");
        return;
    }
  }

  JsonWriter json_;
  const bool v3_;
};

std::string Document(const std::vector<std::string>& metrics, Dialect dialect) {
  std::string out;
  DocumentWriter(out, dialect).Write(metrics);
  return out;
}

}  // namespace

std::string OpenApiV2(const std::vector<std::string>& metrics) { return Document(metrics, Dialect::kV2); }

std::string OpenApiV3(const std::vector<std::string>& metrics) { return Document(metrics, Dialect::kV3); }

std::string OpenApiV3Index(std::string_view hash) {
  const std::string key = "apis/" + std::string(wire::kGroupVersion);
  std::string out;
  JsonWriter json(out, JsonStyle::kCompact);
  json.BeginObject();
  json.Key("paths");
  json.BeginObject();
  json.Key(key);
  json.BeginObject();
  json.Member("serverRelativeURL", "/openapi/v3/" + key + "?hash=" + std::string(hash));
  json.EndObject();
  json.EndObject();
  json.EndObject();
  return out;
}

}  // namespace server::api
