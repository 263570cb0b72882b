// Every object in JSON and protobuf, against the bytes of Go's encoders.
#include <chrono>
#include <ctime>
#include <iomanip>
#include <sstream>

#include "server/wire/json.h"
#include "server/wire/protobuf.h"
#include "test/support/catch.h"
#include "test/support/golden.h"

namespace server::wire {
namespace {

using test::ReadGolden;
using test::Text;

std::chrono::sys_seconds Timestamp(const std::string& text) {
  std::tm time{};
  std::istringstream(text) >> std::get_time(&time, "%Y-%m-%dT%H:%M:%SZ");
  return std::chrono::sys_seconds(std::chrono::seconds(timegm(&time)));
}

std::vector<std::string> Strings(const rapidjson::Value& array) {
  std::vector<std::string> strings;
  for (const auto& value : array.GetArray()) {
    strings.push_back(Text(value));
  }
  return strings;
}

template <typename Object>
void CheckEncodings(const rapidjson::Value& golden, const Object& object, const std::string& json) {
  INFO(Text(golden, "description"));
  CHECK(EncodeJson(object, JsonStyle::kCompact) == json);
  CHECK(test::Hex(EncodeProtobuf(object)) == Text(golden, "protobuf_hex"));
}

/// Labels are never null here: an empty object says the same.
std::string WithoutNullLabels(std::string json) {
  const std::string null = R"("metricLabels":null)";
  for (auto at = json.find(null); at != std::string::npos; at = json.find(null)) {
    json.replace(at, null.size(), R"("metricLabels":{})");
  }
  return json;
}

/// Whether the object has what this server never sends, and so has no field for.
bool HasWindowOrNull(const rapidjson::Value& list) {
  if (list["items"].IsNull()) {
    return true;
  }
  for (const auto& item : list["items"].GetArray()) {
    if (item.HasMember("window") || item["timestamp"].IsNull()) {
      return true;
    }
  }
  return false;
}

TEST_CASE("lists of metric values have the bytes of Go's encoders", "[wire]") {
  int compared = 0;
  const auto goldens = ReadGolden("external_metric_value_list.json");
  for (const auto& golden : goldens.GetArray()) {
    const auto& json = golden["json"];
    if (HasWindowOrNull(json)) {
      continue;
    }
    ExternalMetricValueList list;
    for (const auto& item : json["items"].GetArray()) {
      ExternalMetricValue value{.metric_name = Text(item, "metricName"),
                                .metric_labels = {},
                                .timestamp = Timestamp(Text(item, "timestamp")),
                                .value = Text(item, "value")};
      if (item["metricLabels"].IsObject()) {
        for (const auto& label : item["metricLabels"].GetObject()) {
          value.metric_labels.emplace(Text(label.name), Text(label.value));
        }
      }
      list.items.push_back(std::move(value));
    }
    CheckEncodings(golden, list, WithoutNullLabels(Text(golden, "json_text")));
    ++compared;
  }
  CHECK(compared >= 9);
}

TEST_CASE("a Status has the bytes of Go's encoders", "[wire]") {
  int compared = 0;
  const auto goldens = ReadGolden("status.json");
  for (const auto& golden : goldens.GetArray()) {
    const auto& json = golden["json"];
    Status status{json["code"].GetInt(), Text(json, "reason"), Text(json, "message"), std::nullopt};
    if (json.HasMember("details")) {
      const auto& details = json["details"];
      if (details.HasMember("retryAfterSeconds")) {
        continue;  // Never sent: it would park the HPA's workers.
      }
      status.details = StatusDetails{Text(details, "name"), Text(details, "group"), Text(details, "kind"), {}};
      if (details.HasMember("causes")) {
        for (const auto& cause : details["causes"].GetArray()) {
          status.details->causes.push_back({Text(cause, "reason"), Text(cause, "message"), Text(cause, "field")});
        }
      }
    }
    CheckEncodings(golden, status, Text(golden, "json_text"));
    ++compared;
  }
  CHECK(compared >= 10);
}

GroupVersionForDiscovery ReadGroupVersion(const rapidjson::Value& json) {
  return {Text(json, "groupVersion"), Text(json, "version")};
}

ApiGroup ReadGroup(const rapidjson::Value& json) {
  ApiGroup group{Text(json, "name"), {}, ReadGroupVersion(json["preferredVersion"])};
  for (const auto& version : json["versions"].GetArray()) {
    group.versions.push_back(ReadGroupVersion(version));
  }
  return group;
}

TEST_CASE("the discovery documents have the bytes of Go's encoders", "[wire]") {
  const auto goldens = ReadGolden("discovery_legacy.json");
  for (const auto& golden : goldens.GetArray()) {
    const auto& json = golden["json"];
    if (!json.HasMember("apiVersion")) {
      continue;  // An oversight of the library, which clients accept, too.
    }
    const std::string kind = Text(json, "kind");
    const std::string text = Text(golden, "json_text");
    if (kind == "APIGroup") {
      CheckEncodings(golden, ReadGroup(json), text);
    } else if (kind == "APIGroupList") {
      CheckEncodings(golden, ApiGroupList{{ReadGroup(json["groups"][0])}}, text);
    } else {
      REQUIRE(kind == "APIResourceList");
      ApiResourceList list{Text(json, "groupVersion"), {}};
      for (const auto& resource : json["resources"].GetArray()) {
        list.resources.push_back({Text(resource, "name"), Text(resource, "kind"), Strings(resource["verbs"])});
      }
      CheckEncodings(golden, list, text);
    }
  }
}

ApiVersionDiscovery ReadVersionDiscovery(const rapidjson::Value& json) {
  ApiVersionDiscovery version{Text(json, "version"), {}};
  if (json.HasMember("resources")) {
    for (const auto& resource : json["resources"].GetArray()) {
      const auto& kind = resource["responseKind"];
      version.resources.push_back({Text(resource, "resource"),
                                   {Text(kind, "group"), Text(kind, "version"), Text(kind, "kind")},
                                   Strings(resource["verbs"])});
    }
  }
  return version;
}

TEST_CASE("the aggregated discovery document has the bytes of Go's encoders", "[wire]") {
  const auto goldens = ReadGolden("discovery_aggregated.json");
  for (const auto& golden : goldens.GetArray()) {
    ApiGroupDiscoveryList list;
    for (const auto& item : golden["json"]["items"].GetArray()) {
      ApiGroupDiscovery group{Text(item["metadata"], "name"), {}};
      for (const auto& version : item["versions"].GetArray()) {
        group.versions.push_back(ReadVersionDiscovery(version));
      }
      list.items.push_back(std::move(group));
    }
    CheckEncodings(golden, list, Text(golden, "json_text"));
  }
}

TEST_CASE("a table is written as kubectl reads it", "[wire]") {
  const Table table{"v1", {{"Metric", "metric name"}, {"Value", "value"}}, {{"multi", "1500m"}}};
  CHECK(EncodeJson(table, JsonStyle::kCompact) ==
        R"({"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{},"columnDefinitions":[)"
        R"({"name":"Metric","type":"string","format":"","description":"metric name","priority":0},)"
        R"({"name":"Value","type":"string","format":"","description":"value","priority":0}],)"
        R"("rows":[{"cells":["multi","1500m"],"object":null}]})"
        "\n");
}

TEST_CASE("a pretty document has no final newline", "[wire]") {
  CHECK(EncodeJson(ExternalMetricValueList{}, JsonStyle::kPretty) == R"({
  "kind": "ExternalMetricValueList",
  "apiVersion": "external.metrics.k8s.io/v1beta1",
  "metadata": {},
  "items": []
})");
}

TEST_CASE("a long nested message gets a length of several bytes", "[wire]") {
  const std::string name(300, 'n');
  const std::string encoded = EncodeProtobuf(ExternalMetricValueList{{{name, {}, {}, "1"}}});
  CHECK(encoded.find("\x0a\xac\x02" + name) != std::string::npos);
}

}  // namespace
}  // namespace server::wire
