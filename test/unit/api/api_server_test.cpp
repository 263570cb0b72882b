#include "server/api/api_server.h"

#include <limits>

#include "test/support/catch.h"
#include "test/support/fake_metric_provider.h"
#include "test/support/golden.h"
#include "test/support/http_request.h"
#include "test/support/wait_for_answer.h"

namespace server::api {
namespace {

using namespace std::chrono_literals;
using test::AnswerOf;
using test::Get;
using test::HeaderOf;
using test::MakeRequest;

const std::string kApi = "/apis/external.metrics.k8s.io/v1beta1";
const std::string kLength = kApi + "/namespaces/shop/redis_queue_length";
const std::string kAggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const std::string kTable = "application/json;as=Table;v=v1;g=meta.k8s.io";

struct Fixture {
  test::FakeMetricProvider provider;
  auth::OpenAccess access;
  std::vector<std::string> failures;
  ApiServer server{
      {.provider = provider,
       .access = access,
       .livez = {{"ping", [] { return std::nullopt; }}},
       .readyz = {{"ping", [] { return std::nullopt; }}, {"shutdown", [] { return "draining"; }}},
       .render_metrics = [] { return std::string("up 1\n"); },
       .version = {.major = "1",
                   .minor = "2",
                   .git_version = "v1.2.3",
                   .git_commit = "abc",
                   .git_tree_state = "clean",
                   .build_date = "2026-11-24T00:00:00Z",
                   .language = "C++20",
                   .compiler = "gcc",
                   .platform = "linux/amd64"},
       .report_failure = [this](const http::Request&, std::string_view cause) { failures.emplace_back(cause); }}};

  Fixture() {
    provider.names = {"redis_queue_length"};
    const auto read_at = std::chrono::system_clock::time_point(1'795'469'445s + 999ms);  // 2026-11-23T21:30:45.999Z
    provider.samples["redis_queue_length"] = {{{{"queue", "a"}, {"redis", "main"}}, 12'000, read_at},
                                              {{{"queue", "b"}}, 7, read_at}};
  }

  std::string Body(const http::Request& request) const { return AnswerOf(server, request).body; }
  int Status(const http::Request& request) const { return AnswerOf(server, request).status; }
};

class RefusingAccess final : public auth::AccessControl {
 public:
  explicit RefusingAccess(auth::Denial denial) : denial_(std::move(denial)) {}
  void Check(const http::Request& /*request*/, auth::VerdictCallback decided) const override {
    decided({.denial = denial_});
  }

 private:
  const auth::Denial denial_;
};

http::Response Refused(auth::Denial denial, const http::Request& request) {
  test::FakeMetricProvider provider;
  const RefusingAccess access(std::move(denial));
  return AnswerOf(ApiServer({.provider = provider,
                             .access = access,
                             .livez = {},
                             .readyz = {},
                             .render_metrics = [] { return std::string(); },
                             .version = {},
                             .report_failure = [](const http::Request&, std::string_view) {}}),
                  request);
}

TEST_CASE("whoever may not ask is told so before anything else", "[api]") {
  for (const http::Request& request : {Get(kLength), Get("/nope"), MakeRequest("POST", "/healthz"),
                                       Get(kLength + "?limit=x"), Get(kLength + "?timeout=junk")}) {
    const http::Response unknown = Refused({401, "Unauthorized"}, request);
    CHECK(unknown.status == 401);
    CHECK(unknown.body.find(R"("message":"Unauthorized","reason":"Unauthorized","code":401)") != std::string::npos);
    const http::Response forbidden = Refused({403, "no"}, request);
    CHECK(forbidden.status == 403);
    CHECK(forbidden.body.find(R"("message":"no","reason":"Forbidden","details":{)") != std::string::npos);
  }
}

TEST_CASE("if nobody can tell who may ask, nobody is answered", "[api]") {
  const http::Response response = Refused({500, "Internal Server Error: \"/apis\": timeout"}, Get("/apis"));
  CHECK(response.status == 500);
  CHECK(response.content_type == "text/plain; charset=utf-8");
  CHECK(response.body == "Internal Server Error: \"/apis\": timeout\n");
}

TEST_CASE_METHOD(Fixture, "a metric is answered with one item for each sample", "[api]") {
  const http::Response response = AnswerOf(server, Get(kLength + "?labelSelector=queue+in+(a,b)"));
  CHECK(response.status == 200);
  CHECK(response.content_type == "application/json");
  CHECK(response.body ==
        R"({"kind":"ExternalMetricValueList","apiVersion":"external.metrics.k8s.io/v1beta1","metadata":{},"items":[)"
        R"({"metricName":"redis_queue_length","metricLabels":{"queue":"a","redis":"main"},)"
        R"("timestamp":"2026-11-23T21:30:45Z","value":"12k"},)"
        R"({"metricName":"redis_queue_length","metricLabels":{"queue":"b"},)"
        R"("timestamp":"2026-11-23T21:30:45Z","value":"7"}]})"
        "\n");
  CHECK(provider.asked.ns == "shop");
  CHECK(provider.asked.metric == "redis_queue_length");
  CHECK(provider.asked.selector.ToString() == "queue in (a,b)");
}

TEST_CASE_METHOD(Fixture, "a value that would mislead the HPA is clamped", "[api]") {
  provider.samples["redis_queue_length"] = {{{}, std::numeric_limits<std::int64_t>::max(), {}}, {{}, -3, {}}};
  const std::string body = Body(Get(kLength));
  CHECK(body.find(R"("value":"9223372036854775")") != std::string::npos);
  CHECK(body.find(R"("value":"0")") != std::string::npos);
}

TEST_CASE_METHOD(Fixture, "metric names are matched whatever their case", "[api]") {
  CHECK(Status(Get(kApi + "/namespaces/shop/Redis_Queue_LENGTH")) == 200);
  CHECK(provider.asked.metric == "redis_queue_length");
}

TEST_CASE_METHOD(Fixture, "kubectl get prints a table", "[api]") {
  const http::Response response =
      AnswerOf(server, Get(kLength + "?limit=500", {{"Accept", kTable + ",application/json"}}));
  CHECK(response.content_type == "application/json");
  CHECK(response.body ==
        R"({"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{},"columnDefinitions":[)"
        R"({"name":"Metric","type":"string","format":"","description":"Name of the metric","priority":0},)"
        R"({"name":"Queue","type":"string","format":"","description":"Labels of the queue","priority":0},)"
        R"({"name":"Value","type":"string","format":"","description":"Last reading","priority":0}],)"
        R"("rows":[{"cells":["redis_queue_length","queue=a,redis=main","12k"],"object":null},)"
        R"({"cells":["redis_queue_length","queue=b","7"],"object":null}]})"
        "\n");
  const std::string beta = "application/json;as=Table;v=v1beta1;g=meta.k8s.io";
  CHECK(Body(Get(kLength, {{"Accept", beta}})).find(R"("apiVersion":"meta.k8s.io/v1beta1")") != std::string::npos);
}

TEST_CASE_METHOD(Fixture, "an unknown metric is 404 with what the provider knows", "[api]") {
  const http::Response response = AnswerOf(server, Get(kApi + "/namespaces/shop/Other"));
  CHECK(response.status == 404);
  CHECK(response.body ==
        R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"no metric other",)"
        R"("reason":"NotFound","details":{"name":"Other","group":"external.metrics.k8s.io",)"
        R"("kind":"Other"},"code":404})"
        "\n");
}

TEST_CASE_METHOD(Fixture, "a value that cannot be known now is 503, and nobody is told when to retry", "[api]") {
  provider.failure = metrics::MetricUnavailable{metrics::UnavailableKind::kLoading, "redis main is loading its data"};
  const http::Response response = AnswerOf(server, Get(kLength));
  CHECK(response.status == 503);
  CHECK(response.body == R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",)"
                         R"("message":"redis main is loading its data","reason":"ServiceUnavailable","code":503})"
                         "\n");
  CHECK(HeaderOf(response, "Retry-After").empty());
}

TEST_CASE_METHOD(Fixture, "a request whose own time is up is 504", "[api]") {
  provider.slow = true;
  provider.failure = metrics::MetricUnavailable{metrics::UnavailableKind::kTimeout, "redis main is late"};
  const http::Response response =
      AnswerOf(server, Get(kLength + "?timeout=5ms", {{"Accept", "application/vnd.kubernetes.protobuf"}}));
  CHECK(response.status == 504);
  CHECK(response.content_type == "application/vnd.kubernetes.protobuf");
  CHECK(response.body.find("Timeout: request did not complete within the allotted timeout") != std::string::npos);
}

TEST_CASE_METHOD(Fixture, "a request may shorten its time, not prolong it", "[api]") {
  struct Case {
    std::string query;
    std::chrono::seconds least;
    std::chrono::seconds most;
  };
  const auto example = GENERATE(values<Case>({
      {"", 50s, 60s},
      {"?timeout=", 50s, 60s},
      {"?timeout=10s", 1s, 10s},
      {"?timeout=0", 50s, 60s},
      {"?timeout=-5s", 50s, 60s},
      {"?timeout=1h", 50s, 60s},
  }));
  const auto begin = std::chrono::steady_clock::now();
  CHECK(Status(Get(kLength + example.query)) == 200);
  CHECK(provider.asked.deadline >= begin + example.least);
  CHECK(provider.asked.deadline <= std::chrono::steady_clock::now() + example.most);
}

TEST_CASE_METHOD(Fixture, "a timeout that is none is 400", "[api]") {
  CHECK(Body(Get(kLength + "?timeout=5"))
            .find(R"(timeout specified in the request URL - time: missing unit in duration \"5\"")") !=
        std::string::npos);
  CHECK(Status(Get(kLength + "?timeout=" + std::string(400, '9') + "s")) == 400);
}

TEST_CASE_METHOD(Fixture, "what went wrong inside is told to the log, not to the client", "[api]") {
  provider.samples["redis_queue_length"] = {};  // Which an HPA could not tell from zero.
  const http::Response response = AnswerOf(server, Get(kLength));
  CHECK(response.status == 500);
  CHECK(response.body == R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",)"
                         R"("message":"Internal error occurred: the server's log says why","reason":"InternalError",)"
                         R"("details":{"causes":[{"message":"the server's log says why"}]},"code":500})"
                         "\n");
  CHECK(failures == std::vector<std::string>{"the provider gave no sample of redis_queue_length"});
}

TEST_CASE_METHOD(Fixture, "people get indented JSON", "[api]") {
  struct Case {
    std::string query;
    std::string user_agent;
    bool pretty;
  };
  const auto example = GENERATE(values<Case>({
      {"", "kube-controller-manager/v1.37.2", false},
      {"", "curl/8.5.0", true},
      {"", "Wget/1.21", true},
      {"", "Mozilla/5.0 (X11)", true},
      {"", "Mozilla/4.0", false},
      {"?pretty=", "curl/8.5.0", true},
      {"?pretty=0", "curl/8.5.0", false},
      {"?pretty=yes", "curl/8.5.0", false},
      {"?pretty=TRUE", "", true},
      {"?pretty=t", "", true},
  }));
  INFO(example.query << " " << example.user_agent);
  for (const std::string& path : {kLength, kApi, kApi + "/nothing"}) {
    const std::string body = Body(Get(path + example.query, {{"User-Agent", example.user_agent}}));
    CHECK(body.starts_with("{\n  \"kind\"") == example.pretty);
    CHECK(body.ends_with("\n") != example.pretty);
  }
  CHECK(Body(Get(kLength, {{"Accept", "application/json;pretty=1"}})).starts_with("{\n"));
}

TEST_CASE_METHOD(Fixture, "paths that lead nowhere are 404 for every method", "[api]") {
  for (const std::string path : {"/",
                                 "/nope",
                                 "/api",
                                 "/api/v1",
                                 "//apis",
                                 "/apis//",
                                 "/apis/other.io",
                                 "/apis/other.io/v1",
                                 "/apis/external.metrics.k8s.io/v9",
                                 "/apis/external.metrics.k8s.io/v1beta1/namespaces",
                                 "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop",
                                 "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/",
                                 "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop//",
                                 "/apis/external.metrics.k8s.io/v1beta1/namespaces//m",
                                 "/apis/external.metrics.k8s.io/v1beta1/redis_queue_length",
                                 "/apis/external.metrics.k8s.io/v1beta1//namespaces/shop/redis_queue_length",
                                 "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/redis_queue_length/x",
                                 "/apis/external.metrics.k8s.io/v1beta1/watch/namespaces/shop/redis_queue_length",
                                 "/healthz/",
                                 "/healthz/nope",
                                 "/healthz/ping/x",
                                 "/metrics/",
                                 "/version/x",
                                 "/openapi",
                                 "/openapi/v4",
                                 "/openapi/v3/",
                                 "/openapi/v3/apis/foo/v1"}) {
    for (const std::string method : {"GET", "HEAD", "POST", "DELETE", "FOO"}) {
      INFO(method << " " << path);
      const http::Response response = AnswerOf(server, MakeRequest(method, path));
      CHECK(response.status == 404);
      CHECK(
          response.body ==
          R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",)"
          R"("message":"the server could not find the requested resource","reason":"NotFound","details":{},"code":404})"
          "\n");
    }
  }
}

TEST_CASE_METHOD(Fixture, "a final slash changes nothing below /apis", "[api]") {
  for (const std::string path : {"/apis", "/apis/external.metrics.k8s.io", "/apis/external.metrics.k8s.io/v1beta1",
                                 "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/redis_queue_length"}) {
    CHECK(Status(Get(path)) == 200);
    CHECK(Body(Get(path + "/")) == Body(Get(path)));
  }
}

TEST_CASE_METHOD(Fixture, "documents can only be read", "[api]") {
  struct Case {
    std::string path;
    int head;
    int post;
  };
  const auto example = GENERATE(values<Case>({
      {"/apis", 405, 405},
      {"/apis/external.metrics.k8s.io", 405, 405},
      {"/apis/external.metrics.k8s.io/v1beta1", 405, 405},
      {"/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/redis_queue_length", 405, 405},
      {"/version", 405, 405},
      {"/metrics", 200, 405},
      {"/openapi/v2", 200, 405},
      {"/openapi/v3", 200, 405},
      {"/livez", 200, 200},
      {"/livez/ping", 200, 200},
  }));
  INFO(example.path);
  CHECK(Status(MakeRequest("HEAD", example.path)) == example.head);
  CHECK(Status(MakeRequest("POST", example.path)) == example.post);
}

TEST_CASE_METHOD(Fixture, "the aggregator gets the whole discovery document at once, and only when it changes",
                 "[api]") {
  const http::Response response = AnswerOf(server, Get("/apis", {{"Accept", "application/json," + kAggregated}}));
  CHECK(response.status == 200);
  CHECK(response.content_type == kAggregated);
  CHECK(HeaderOf(response, "Vary") == "Accept");
  CHECK(HeaderOf(response, "Cache-Control") == "public");
  CHECK(response.body.find("redis_queue_length") != std::string::npos);

  const std::string tag = HeaderOf(response, "ETag");
  CHECK(tag.size() == 18);
  const http::Response unchanged = AnswerOf(server, Get("/apis", {{"Accept", kAggregated}, {"If-None-Match", tag}}));
  CHECK(unchanged.status == 304);
  CHECK(unchanged.body.empty());
  CHECK(unchanged.content_type.empty());
  CHECK(HeaderOf(unchanged, "ETag") == tag);

  provider.names.emplace_back("redis_queue_waiting");
  const http::Response changed = AnswerOf(server, Get("/apis", {{"Accept", kAggregated}, {"If-None-Match", tag}}));
  CHECK(changed.status == 200);
  CHECK(HeaderOf(changed, "ETag") != tag);
}

TEST_CASE_METHOD(Fixture, "the list of resources is never answered with 304", "[api]") {
  const http::Response response = AnswerOf(server, Get(kApi));
  CHECK(HeaderOf(response, "ETag").empty());
  const std::string tag = HeaderOf(AnswerOf(server, Get("/apis", {{"Accept", kAggregated}})), "ETag");
  CHECK(Status(Get(kApi, {{"If-None-Match", tag}})) == 200);
  CHECK(Status(Get("/apis", {{"If-None-Match", tag}})) == 200);
}

TEST_CASE_METHOD(Fixture, "discovery does not need a backend that answers", "[api]") {
  provider.failure = metrics::MetricUnavailable{metrics::UnavailableKind::kConnection, "down"};
  CHECK(Status(Get(kApi)) == 200);
  CHECK(Status(Get("/apis", {{"Accept", kAggregated}})) == 200);
  CHECK(Status(Get("/readyz?exclude=shutdown")) == 200);
}

TEST_CASE_METHOD(Fixture, "OpenAPI documents are served once for each of their versions", "[api]") {
  for (const std::string path : {"/openapi/v2", "/openapi/v3", "/openapi/v3/apis/external.metrics.k8s.io/v1beta1"}) {
    INFO(path);
    const http::Response response = AnswerOf(server, Get(path, {{"Accept", "application/json"}}));
    CHECK(response.status == 200);
    CHECK(response.content_type == "application/json");
    const std::string tag = HeaderOf(response, "ETag");
    CHECK(tag.size() == 18);
    CHECK(Status(Get(path, {{"If-None-Match", tag}})) == 304);
    CHECK(Status(Get(path, {{"If-None-Match", "\"0\""}})) == 200);
  }
}

TEST_CASE_METHOD(Fixture, "an OpenAPI document under the URL of the index may be kept for ever", "[api]") {
  const auto index = Body(Get("/openapi/v3"));
  const auto begin = index.find("/openapi/v3/apis");
  const std::string url = index.substr(begin, index.find('"', begin) - begin);
  const http::Response response = AnswerOf(server, Get(url));
  CHECK(response.status == 200);
  CHECK(HeaderOf(response, "Cache-Control") == "public, immutable");
  CHECK(HeaderOf(response, "Expires").ends_with(" GMT"));
  CHECK(HeaderOf(response, "Vary") == "Accept");
  CHECK(url.ends_with("?hash=" + HeaderOf(response, "ETag").substr(1, 16)));

  const http::Response old =
      AnswerOf(server, Get("/openapi/v3/apis/external.metrics.k8s.io/v1beta1?hash=0123456789ABCDEF"));
  CHECK(old.status == 200);
  CHECK(old.body == response.body);
  CHECK(HeaderOf(old, "Cache-Control") == "no-cache, private");
}

TEST_CASE_METHOD(Fixture, "OpenAPI documents exist in JSON only", "[api]") {
  const std::string protobuf = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
  const http::Response response = AnswerOf(server, Get("/openapi/v2", {{"Accept", protobuf}}));
  CHECK(response.status == 406);
  CHECK(response.body.empty());
  CHECK(HeaderOf(response, "Vary") == "Accept");
  CHECK(Status(Get("/openapi/v2", {{"Accept", protobuf + ", application/json"}})) == 200);
  CHECK(Status(Get("/openapi/v2", {{"Accept", "application/*"}})) == 200);
}

TEST_CASE_METHOD(Fixture, "operators find metrics, the version and single checks", "[api]") {
  const http::Response metrics = AnswerOf(server, Get("/metrics"));
  CHECK(metrics.content_type == "text/plain; version=0.0.4; charset=utf-8");
  CHECK(metrics.body == "up 1\n");
  const http::Response version = AnswerOf(server, Get("/version"));
  CHECK(version.content_type == "application/json");
  CHECK(version.body == R"({
  "major": "1",
  "minor": "2",
  "gitVersion": "v1.2.3",
  "gitCommit": "abc",
  "gitTreeState": "clean",
  "buildDate": "2026-11-24T00:00:00Z",
  "goVersion": "C++20",
  "compiler": "gcc",
  "platform": "linux/amd64"
})");
  CHECK(Body(Get("/livez")) == "ok");
  CHECK(Body(Get("/healthz")) == "ok");
  CHECK(Body(Get("/readyz")) == "[+]ping ok\n[-]shutdown failed: reason withheld\nreadyz check failed\n");
  CHECK(Body(Get("/readyz/shutdown")) == "internal server error: draining\n");
  CHECK(Status(Get("/livez/shutdown")) == 404);
}

TEST_CASE_METHOD(Fixture, "every response carries the audit id of its request, or a new one", "[api]") {
  for (const std::string& path : {kLength, std::string("/healthz"), std::string("/nope")}) {
    CHECK(HeaderOf(AnswerOf(server, Get(path, {{"audit-id", "c0ffee"}})), "Audit-Id") == "c0ffee");
    const std::string first = HeaderOf(AnswerOf(server, Get(path)), "Audit-Id");
    const std::string second = HeaderOf(AnswerOf(server, Get(path)), "Audit-Id");
    CHECK(first.size() == 36);
    CHECK(first[14] == '4');
    CHECK(std::string("89ab").find(first[19]) != std::string::npos);
    CHECK(first != second);
  }
}

}  // namespace
}  // namespace server::api
