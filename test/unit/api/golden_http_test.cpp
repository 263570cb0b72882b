// The recorded answers of the Go library's adapter, replayed: the same requests must give the same bytes, except where
// there is a reason.
#include <chrono>
#include <functional>
#include <map>
#include <optional>

#include "server/api/api_server.h"
#include "server/api/request_info.h"
#include "server/auth/forbidden_message.h"
#include "test/support/catch.h"
#include "test/support/fake_metric_provider.h"
#include "test/support/golden.h"
#include "test/support/http_request.h"
#include "test/support/wait_for_answer.h"

namespace server::api {
namespace {

using test::HeaderOf;
using test::Text;

const std::string kTimestamp = "2026-11-23T21:30:45Z";
constexpr std::chrono::seconds kTimestampSeconds{1'795'469'445};

/// Who asks is what the request's headers say, and only members of system:masters may do anything.
class HeaderAccess final : public auth::AccessControl {
 public:
  void Check(const http::Request& request, auth::VerdictCallback decided) const override {
    if (request.Header("X-Remote-Group") == "system:masters") {
      return decided({});
    }
    const auto user = request.Header("X-Remote-User").value_or("");
    decided({.denial = auth::Denial{403, auth::ForbiddenMessage(user, ParseRequestInfo(request))}});
  }
};

std::vector<HealthCheck> Checks(const std::vector<std::string>& names) {
  std::vector<HealthCheck> checks;
  for (const std::string& name : names) {
    checks.push_back({name, [] { return std::nullopt; }});
  }
  return checks;
}

/// As the adapter of the recordings was set up.
class RecordedServer {
 public:
  explicit RecordedServer(const auth::AccessControl& access)
      : server_(
            {.provider = provider_,
             .access = access,
             .livez = Checks({"ping", "log", "poststarthook/generic-apiserver-start-informers",
                              "poststarthook/max-in-flight-filter", "poststarthook/storage-object-count-tracker-hook"}),
             .readyz = Checks({"ping", "log", "poststarthook/generic-apiserver-start-informers", "informer-sync",
                               "poststarthook/max-in-flight-filter", "poststarthook/storage-object-count-tracker-hook",
                               "shutdown"}),
             .render_metrics = [] { return std::string("up 1\n"); },
             .version = {},
             .report_failure = [](const http::Request&, std::string_view) {}}) {
    const std::chrono::system_clock::time_point now(kTimestampSeconds);
    provider_.names = {"queue-depth", "multi"};
    provider_.samples["multi"] = {{{{"az", "x"}, {"queue", "a"}}, 1500, now}, {{{"queue", "b"}}, 7, now}};
    for (const std::string name : {"some", "a%b", "a b", ".."}) {
      provider_.samples[name] = {{{}, 42, now}};
    }
  }

  http::Response Handle(const http::Request& request) {
    provider_.failure.reset();
    if (request.segments.back() == "notfound") {
      provider_.failure = metrics::MetricNotFound{R"(notfound.external.metrics.k8s.io "notfound" not found)"};
    }
    return test::AnswerOf(server_, request);
  }

 private:
  test::FakeMetricProvider provider_;
  ApiServer server_;
};

struct Expected {
  int status;
  std::string content_type;
  std::string body;
};

struct Difference {
  std::string reason;
  std::optional<Expected> expected;  // Nothing: the request is not replayed.
};

Expected StatusJson(int status, const std::string& rest) {
  return {status, "application/json",
          R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",)" + rest + R"(,"code":)" +
              std::to_string(status) + "}\n"};
}

const Expected kNoRoute =
    StatusJson(404, R"("message":"the server could not find the requested resource","reason":"NotFound","details":{})");

const Expected kNotAcceptable{406, "application/json", R"({
  "kind": "Status",
  "apiVersion": "v1",
  "metadata": {},
  "status": "Failure",
  "message": "only the following media types are accepted: application/json, application/vnd.kubernetes.protobuf",
  "reason": "NotAcceptable",
  "code": 406
})"};

std::string Document(const std::string& file, rapidjson::SizeType index, const char* member) {
  return Text(test::ReadGolden(file)[index], member);
}

/// The fixture's second metric has another name, which happens to be as long.
std::string NamedMulti(std::string text, const std::string& other, const std::string& multi) {
  for (auto at = text.find(other); at != std::string::npos; at = text.find(other)) {
    text.replace(at, other.size(), multi);
  }
  return text;
}

std::string Bytes(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

std::map<std::string, Difference> Differences() {
  const std::string no_yaml = "YAML is not offered, and there is one text for 406 instead of the router's own";
  const std::string no_paths = "a Status instead of the library's list of its paths";
  const std::string no_empty = "an empty list is an error, so the adapter's empty metric has no counterpart";
  const std::string no_retry = "an answer that would have the HPA's client wait and retry is never given";
  const std::string group_list =
      "with the apiVersion and without serverAddressByClientCIDRs, which proxies make useless";
  const std::string listed = "our group is listed";
  const std::string json = "application/json";
  const std::string protobuf = "application/vnd.kubernetes.protobuf";
  const std::string aggregated = ";g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
  const std::string api_group_list = Document("discovery_legacy.json", 1, "json_text");
  const std::string table =
      R"({"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{},"columnDefinitions":[)"
      R"({"name":"Metric","type":"string","format":"","description":"Name of the metric","priority":0},)"
      R"({"name":"Queue","type":"string","format":"","description":"Labels of the queue","priority":0},)"
      R"({"name":"Value","type":"string","format":"","description":"Last reading","priority":0}],)"
      R"("rows":[{"cells":["some","","42"],"object":null}]})"
      "\n";
  return {
      {"metric, Accept application/*",
       {no_yaml, StatusJson(406, R"("message":"only the following media types are accepted: application/json, )"
                                 R"(application/vnd.kubernetes.protobuf","reason":"NotAcceptable")")}},
      {"metric, Accept yaml", {no_yaml, kNotAcceptable}},
      {"metric, unacceptable Accept text/html", {no_yaml, kNotAcceptable}},
      {"metric, cbor", {no_yaml, kNotAcceptable}},
      {"/apis v2beta1", {no_yaml, kNotAcceptable}},
      {"/apis html", {no_yaml, kNotAcceptable}},
      {"/apis/GROUP/V html", {no_yaml, kNotAcceptable}},
      {"kubectl get Accept (Table) ", {"kubectl gets the table it asks for", Expected{200, json, table}}},
      {"Table only", {"kubectl gets the table it asks for", Expected{200, json, table}}},
      {"multi",
       {"values are whole numbers, and windows have no meaning for them",
        Expected{
            200, json,
            R"({"kind":"ExternalMetricValueList","apiVersion":"external.metrics.k8s.io/v1beta1","metadata":{},"items":[)"
            R"({"metricName":"multi","metricLabels":{"az":"x","queue":"a"},"timestamp":")" +
                kTimestamp +
                R"(","value":"1500"},)"
                R"({"metricName":"multi","metricLabels":{"queue":"b"},"timestamp":")" +
                kTimestamp + "\",\"value\":\"7\"}]}\n"}}},
      {"metric, HPA Accept", {no_empty, std::nullopt}},
      {"metric, q-values: json;q=0.5, protobuf", {no_empty, std::nullopt}},
      {"pretty=true", {no_empty, std::nullopt}},
      {"pretty=1", {no_empty, std::nullopt}},
      {"pretty (no value)", {no_empty, std::nullopt}},
      {"curl user agent pretty=false", {no_empty, std::nullopt}},
      {"protobuf + pretty=true", {no_empty, std::nullopt}},
      {"timeout=1s on a slow metric, protobuf", {"a proper Status, in api_server_test.cpp", std::nullopt}},
      {"backend: plain error", {"causes stay inside, in api_server_test.cpp", std::nullopt}},
      {"backend: InternalError", {"causes stay inside, in api_server_test.cpp", std::nullopt}},
      {"backend: TooManyRequests 7s", {no_retry, std::nullopt}},
      {"backend: Timeout 3s", {no_retry, std::nullopt}},
      {"backend: ServerTimeout 4s", {no_retry, std::nullopt}},
      {"backend: panic", {"there was no answer", std::nullopt}},
      {"metric named finalize",
       {"a metric of the name, not one called namespaces",
        StatusJson(404, R"("message":"no metric finalize","reason":"NotFound",)"
                        R"("details":{"name":"finalize","group":"external.metrics.k8s.io","kind":"finalize"})")}},
      {"/apis json", {group_list, Expected{200, json, api_group_list}}},
      {"/apis no accept", {group_list, Expected{200, json, api_group_list}}},
      {"/apis v2beta1 then json", {group_list, Expected{200, json, api_group_list}}},
      {"/apis protobuf",
       {group_list, Expected{200, protobuf, Bytes(Document("discovery_legacy.json", 1, "protobuf_hex"))}}},
      {"/apis v2",
       {listed, Expected{200, json + aggregated,
                         NamedMulti(Document("discovery_aggregated.json", 0, "json_text"), "other", "multi")}}},
      {"/apis v2 protobuf",
       {listed,
        Expected{200, protobuf + aggregated,
                 NamedMulti(Bytes(Document("discovery_aggregated.json", 0, "protobuf_hex")), "other", "multi")}}},
      {"/apis/other", {no_paths, kNoRoute}},
      {"/", {no_paths, kNoRoute}},
      {"/nope", {no_paths, kNoRoute}},
      {"/readyz/nope", {no_paths, kNoRoute}},
      {"/version", {"our own version, in api_server_test.cpp", std::nullopt}},
      {"/openapi/v3", {"our own documents, in openapi_test.cpp", std::nullopt}},
      {"/openapi/v3/ GV wrong hash", {"no redirect: the aggregator would make it 502", std::nullopt}},
      {"/openapi/v3/ unknown", {"404 instead of an empty 200", kNoRoute}},
      {"/metrics", {"our own metrics", Expected{200, "text/plain; version=0.0.4; charset=utf-8", "up 1\n"}}},
      {"labelSelector 100 kB", {"the recording is cut short", std::nullopt}},
      {"request line over 1 MiB",
       {"the recording is cut short, and the listener refuses such a request", std::nullopt}},
  };
}

http::Request ReadRequest(const rapidjson::Value& golden) {
  http::Headers headers;
  for (const auto& header : golden["headers"].GetObject()) {
    if (header.value.IsString()) {
      headers.emplace_back(Text(header.name), Text(header.value));
    } else {
      for (const auto& line : header.value.GetArray()) {
        headers.emplace_back(Text(header.name), Text(line));
      }
    }
  }
  return test::MakeRequest(Text(golden, "method"), Text(golden, "path"), std::move(headers));
}

/// The recorded answer, at our time of day, and with empty labels written as such.
Expected ReadExpected(const rapidjson::Value& golden) {
  Expected expected{golden["status"].GetInt(), Text(golden["headers"], "Content-Type"), Text(golden, "body")};
  if (golden.HasMember("body_hex")) {
    expected.body = Bytes(Text(golden, "body_hex"));
  }
  const std::string time = R"("timestamp":")";
  for (auto at = expected.body.find(time); at != std::string::npos; at = expected.body.find(time, at + 1)) {
    expected.body.replace(at + time.size(), kTimestamp.size(), kTimestamp);
  }
  const std::string null = R"("metricLabels":null)";
  const auto at = expected.body.find(null);
  return at == std::string::npos ? expected
                                 : Expected{expected.status, expected.content_type,
                                            expected.body.replace(at, null.size(), R"("metricLabels":{})")};
}

void CheckAnswer(const http::Request& request, const http::Response& response, const Expected& expected,
                 const rapidjson::Value& golden_headers) {
  CHECK(response.status == expected.status);
  CHECK(response.content_type == expected.content_type);
  if (request.method != "HEAD") {  // The listener leaves the body out.
    CHECK(response.body == expected.body);
  }
  for (const char* name : {"Cache-Control", "Vary", "X-Content-Type-Options"}) {
    CHECK(HeaderOf(response, name) == Text(golden_headers, name));
  }
}

TEST_CASE("recorded requests get the recorded answers", "[api][golden]") {
  const HeaderAccess access;
  RecordedServer server(access);
  const auto differences = Differences();
  std::size_t replayed = 0;
  std::size_t different = 0;
  const auto goldens = test::ReadGolden("http_cases.json");
  for (const auto& golden : goldens.GetArray()) {
    const std::string description = Text(golden, "description");
    INFO(description);
    const auto difference = differences.find(description);
    different += difference != differences.end() ? 1 : 0;
    if (difference != differences.end() && !difference->second.expected) {
      continue;
    }
    const Expected expected =
        difference != differences.end() ? *difference->second.expected : ReadExpected(golden["response"]);
    const http::Request request = ReadRequest(golden["request"]);
    CheckAnswer(request, server.Handle(request), expected, golden["response"]["headers"]);
    ++replayed;
  }
  CHECK(different == differences.size());
  CHECK(replayed >= 85);
}

TEST_CASE("recorded refusals get the recorded answers", "[api][golden]") {
  const HeaderAccess by_header;
  const auth::ClientCertificateAccess by_certificate;
  RecordedServer behind_proxy(by_header);
  RecordedServer direct(by_certificate);
  std::size_t replayed = 0;
  const auto goldens = test::ReadGolden("auth_cases.json");
  for (const auto& golden : goldens.GetArray()) {
    const std::string description = Text(golden, "description");
    INFO(description);
    http::Request request = ReadRequest(golden["request"]);
    const std::string authorization(request.Header("Authorization").value_or(""));
    const bool proxied = Text(golden["request"], "client_cert") == "front-proxy" && request.Header("X-Remote-User") &&
                         !request.Header("Impersonate-User") && golden["response"]["status"].GetInt() != 401;
    const bool anonymous = golden["request"]["client_cert"].IsNull() && request.path != "/version" &&
                           (authorization.find("token") == std::string::npos || authorization.starts_with("Bearer  "));
    if (proxied || anonymous) {
      CheckAnswer(request, (proxied ? behind_proxy : direct).Handle(request), ReadExpected(golden["response"]),
                  golden["response"]["headers"]);
      ++replayed;
    }
  }
  CHECK(replayed >= 20);
}

}  // namespace
}  // namespace server::api
