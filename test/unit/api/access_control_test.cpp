#include "server/auth/access_control.h"

#include <chrono>

#include "server/api/request_info.h"
#include "server/auth/forbidden_message.h"
#include "server/http/presented_certificates.h"
#include "test/support/catch.h"
#include "test/support/http_request.h"
#include "test/support/wait_for_answer.h"

namespace server::auth {
namespace {

using test::Get;

const std::string kMetricPath = "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/jobs";

/// "401 …", "403 …" or "allowed".
std::string Decision(const http::Request& request) {
  const auto denial = test::VerdictOf(ClientCertificateAccess(), request).denial;
  return denial ? std::to_string(denial->code) + " " + denial->message : "allowed";
}

http::Request WithCertificate(http::Request request) {
  request.client_certificate = http::ClientCertificate{"front-proxy-client", {}};
  return request;
}

TEST_CASE("open access lets everybody do everything", "[auth]") {
  CHECK_FALSE(test::VerdictOf(OpenAccess(), Get(kMetricPath)).denial);
  CHECK_FALSE(test::VerdictOf(OpenAccess(), Get("/metrics")).denial);
  const auto denial = test::VerdictOf(OpenAccess(), Get(kMetricPath, {{"Impersonate-User", "jane"}})).denial;
  REQUIRE(denial);
  CHECK(denial->code == 403);
}

TEST_CASE("a client certificate opens everything", "[auth]") {
  CHECK(Decision(WithCertificate(Get(kMetricPath))) == "allowed");
  CHECK(Decision(WithCertificate(Get("/metrics", {{"Authorization", "Bearer abc"}}))) == "allowed");
}

TEST_CASE("a connection that outlives its client's certificate opens nothing any more", "[auth]") {
  using std::chrono::minutes;
  using std::chrono::system_clock;
  auto request = WithCertificate(Get(kMetricPath));
  request.client_certificate->not_after = system_clock::now() + minutes(1);
  CHECK(Decision(request) == "allowed");
  request.client_certificate->not_after = system_clock::now() - minutes(1);
  CHECK(Decision(request).starts_with("403 "));
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
  CHECK(Decision(Get(example.target)) == example.verdict);
}

TEST_CASE("identity headers are nothing without a certificate", "[auth]") {
  CHECK(Decision(Get("/metrics", {{"X-Remote-User", "admin"}, {"X-Remote-Group", "system:masters"}})) ==
        R"(403 forbidden: User "system:anonymous" cannot get path "/metrics")");
}

TEST_CASE("a bearer token that nobody can verify is refused, even where none is needed", "[auth]") {
  CHECK(Decision(Get(kMetricPath, {{"Authorization", "bearer abc"}})) == "401 Unauthorized");
  CHECK(Decision(Get("/healthz", {{"authorization", "Bearer abc"}})) == "401 Unauthorized");
  CHECK(Decision(Get("/healthz", {{"Authorization", "Bearer  abc"}})) == "allowed");
  CHECK(Decision(Get("/healthz", {{"Authorization", "Basic YTpi"}})) == "allowed");
  CHECK(Decision(Get("/healthz", {{"Authorization", "Bearer"}})) == "allowed");
}

TEST_CASE("a certificate that nobody vouches for is refused, even where none is needed", "[auth]") {
  for (const std::string& path : {std::string("/healthz"), kMetricPath}) {
    http::Request request = Get(path);
    request.presented_certificates =
        std::make_shared<const http::PresentedCertificates>(std::vector<std::string>{"its DER"});
    CHECK(Decision(request) == "401 Unauthorized");
  }
}

TEST_CASE("impersonation is refused rather than ignored", "[auth]") {
  for (const std::string header : {"Impersonate-User", "impersonate-group", "Impersonate-Extra-x"}) {
    CHECK(Decision(WithCertificate(Get("/metrics", {{header, "joe"}}))) ==
          "403 forbidden: impersonation is not supported");
  }
}

TEST_CASE("a forbidden message looks like no HTML, whoever asks", "[auth]") {
  const auto message = [](std::string_view user, const std::string& target) {
    const auto request = Get(target);
    return ForbiddenMessage(user, api::ParseRequestInfo(request));
  };
  CHECK(message(R"(a<b>&"c")", "/x<y") == R"(forbidden: User "a&lt;b&gt;&amp;\"c\"" cannot get path "/x&lt;y")");
  CHECK(message("joe", "/api/v1/pods") ==
        R"(pods is forbidden: User "joe" cannot list resource "pods" in API group "" at the cluster scope)");
}

}  // namespace
}  // namespace server::auth
