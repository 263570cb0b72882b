#include "server/auth/access_control.h"

#include <chrono>

#include "server/api/request_info.h"
#include "server/auth/forbidden_message.h"
#include "test/support/catch.h"
#include "test/support/http_request.h"

namespace server::auth {
namespace {

using test::Get;

const std::string kMetricPath = "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/jobs";

/// "401 …", "403 …" or "allowed".
std::string Verdict(const http::Request& request) {
  const auto denial = ClientCertificateAccess().Check(request);
  return denial ? std::to_string(denial->code) + " " + denial->message : "allowed";
}

http::Request WithCertificate(http::Request request) {
  request.client_certificate = http::ClientCertificate{"front-proxy-client", {}};
  return request;
}

TEST_CASE("open access lets everybody do everything", "[auth]") {
  CHECK_FALSE(OpenAccess().Check(Get(kMetricPath)));
  CHECK_FALSE(OpenAccess().Check(Get("/metrics")));
}

TEST_CASE("a client certificate opens everything", "[auth]") {
  CHECK(Verdict(WithCertificate(Get(kMetricPath))) == "allowed");
  CHECK(Verdict(WithCertificate(Get("/metrics", {{"Authorization", "Bearer abc"}}))) == "allowed");
}

TEST_CASE("a connection that outlives its client's certificate opens nothing any more", "[auth]") {
  using std::chrono::minutes;
  using std::chrono::system_clock;
  auto request = WithCertificate(Get(kMetricPath));
  request.client_certificate->not_after = system_clock::now() + minutes(1);
  CHECK(Verdict(request) == "allowed");
  request.client_certificate->not_after = system_clock::now() - minutes(1);
  CHECK(Verdict(request).starts_with("403 "));
}

TEST_CASE("without a client certificate only the health endpoints are open", "[auth]") {
  const std::string anonymous = R"(forbidden: User "system:anonymous" cannot get path )";
  struct Case {
    std::string target;
    std::string verdict;
  };
  const auto example = GENERATE_COPY(values<Case>({
      {"/healthz", "allowed"},
      {"/livez?verbose", "allowed"},
      {"/readyz", "allowed"},
      {"/readyz/ping", "403 " + anonymous + R"("/readyz/ping")"},
      {"/readyz/", "403 " + anonymous + R"("/readyz/")"},
      {"/metrics", "403 " + anonymous + R"("/metrics")"},
      {"/apis", "403 " + anonymous + R"("/apis")"},
      {kMetricPath,
       R"(403 jobs.external.metrics.k8s.io is forbidden: User "system:anonymous" cannot list resource "jobs" in API group )"
       R"("external.metrics.k8s.io" in the namespace "shop")"},
  }));
  INFO(example.target);
  CHECK(Verdict(Get(example.target)) == example.verdict);
}

TEST_CASE("identity headers are nothing without a certificate", "[auth]") {
  CHECK(Verdict(Get("/metrics", {{"X-Remote-User", "admin"}, {"X-Remote-Group", "system:masters"}})) ==
        R"(403 forbidden: User "system:anonymous" cannot get path "/metrics")");
}

TEST_CASE("a bearer token that nobody can verify is refused, even where none is needed", "[auth]") {
  CHECK(Verdict(Get(kMetricPath, {{"Authorization", "bearer abc"}})) == "401 Unauthorized");
  CHECK(Verdict(Get("/healthz", {{"authorization", "Bearer abc"}})) == "401 Unauthorized");
  CHECK(Verdict(Get("/healthz", {{"Authorization", "Bearer  abc"}})) == "allowed");
  CHECK(Verdict(Get("/healthz", {{"Authorization", "Basic YTpi"}})) == "allowed");
  CHECK(Verdict(Get("/healthz", {{"Authorization", "Bearer"}})) == "allowed");
}

TEST_CASE("impersonation is refused rather than ignored", "[auth]") {
  for (const std::string header : {"Impersonate-User", "impersonate-group", "Impersonate-Extra-x"}) {
    CHECK(Verdict(WithCertificate(Get("/metrics", {{header, "joe"}}))) ==
          "403 forbidden: impersonation is not supported");
  }
}

TEST_CASE("a forbidden message looks like no HTML, whoever asks", "[auth]") {
  const auto message = [](std::string_view user, const std::string& target) {
    return ForbiddenMessage(user, api::ParseRequestInfo(Get(target)));
  };
  CHECK(message(R"(a<b>&"c")", "/x<y") == R"(forbidden: User "a&lt;b&gt;&amp;\"c\"" cannot get path "/x&lt;y")");
  CHECK(message("joe", "/api/v1/pods") ==
        R"(pods is forbidden: User "joe" cannot list resource "pods" in API group "" at the cluster scope)");
}

}  // namespace
}  // namespace server::auth
