#include "server/api/openapi.h"

#include <rapidjson/document.h>
#include <rapidjson/pointer.h>

#include "test/support/catch.h"
#include "test/support/golden.h"

namespace server::api {
namespace {

const std::vector<std::string> kMetrics{"redis_queue_length", "redis_queue_waiting"};
const std::string kRoot = "/apis/external.metrics.k8s.io/v1beta1/";

rapidjson::Document Parse(const std::string& json) {
  rapidjson::Document document;
  document.Parse(json.data(), json.size());
  REQUIRE_FALSE(document.HasParseError());
  return document;
}

void CheckReferences(const rapidjson::Value& value, const rapidjson::Document& document) {
  if (value.IsArray()) {
    for (const auto& element : value.GetArray()) {
      CheckReferences(element, document);
    }
  }
  if (value.IsObject()) {
    for (const auto& member : value.GetObject()) {
      if (test::Text(member.name) == "$ref") {
        INFO(member.value.GetString());
        CHECK(rapidjson::Pointer(member.value.GetString()).Get(document) != nullptr);
      } else {
        CheckReferences(member.value, document);
      }
    }
  }
}

/// As `kubectl explain METRIC` looks for it.
void CheckExplainable(const rapidjson::Value& paths, const rapidjson::Value& definitions) {
  REQUIRE(paths.MemberCount() == 3);
  CHECK(paths.HasMember(kRoot.c_str()));
  for (const std::string& metric : kMetrics) {
    const auto& operation = paths[(kRoot + "namespaces/{namespace}/" + metric).c_str()]["get"];
    const auto& kind = operation["x-kubernetes-group-version-kind"];
    CHECK(test::Text(operation, "x-kubernetes-action") == "list");
    int definitions_of_kind = 0;
    for (const auto& definition : definitions.GetObject()) {
      const auto kinds = definition.value.FindMember("x-kubernetes-group-version-kind");
      definitions_of_kind += kinds != definition.value.MemberEnd() && kinds->value[0] == kind ? 1 : 0;
    }
    CHECK(definitions_of_kind == 1);
  }
}

TEST_CASE("the Swagger document describes each metric", "[api]") {
  const auto document = Parse(OpenApiV2(kMetrics));
  CHECK(test::Text(document, "swagger") == "2.0");
  CheckReferences(document, document);
  CheckExplainable(document["paths"], document["definitions"]);
}

TEST_CASE("the OpenAPI 3 document describes each metric", "[api]") {
  const auto document = Parse(OpenApiV3(kMetrics));
  CHECK(test::Text(document, "openapi") == "3.0.0");
  CheckReferences(document, document);
  CheckExplainable(document["paths"], document["components"]["schemas"]);
}

TEST_CASE("the index of OpenAPI 3 documents names our own only", "[api]") {
  CHECK(OpenApiV3Index("ABC") ==
        R"({"paths":{"apis/external.metrics.k8s.io/v1beta1":)"
        R"({"serverRelativeURL":"/openapi/v3/apis/external.metrics.k8s.io/v1beta1?hash=ABC"}}})");
}

}  // namespace
}  // namespace server::api
