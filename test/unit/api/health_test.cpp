#include "server/api/health.h"

#include <vector>

#include "test/support/catch.h"
#include "test/support/http_request.h"

namespace server::api {
namespace {

HealthCheck Check(std::string name, std::optional<std::string> problem = std::nullopt) {
  return {std::move(name), [problem = std::move(problem)] { return problem; }};
}

const std::vector<HealthCheck> kHealthy{Check("ping"), Check("certificate")};
const std::vector<HealthCheck> kSick{Check("ping"), Check("certificate", "expired <yesterday>")};

TEST_CASE("a healthy endpoint says ok, and more when asked", "[api]") {
  struct Case {
    std::string query;
    std::string body;
  };
  const auto example = GENERATE(values<Case>({
      {"", "ok"},
      {"?exclude=ping", "ok"},
      {"?verbose", "[+]ping ok\n[+]certificate ok\nreadyz check passed\n"},
      {"?verbose=false", "[+]ping ok\n[+]certificate ok\nreadyz check passed\n"},
      {"?verbose&exclude=ping", "[+]ping excluded: ok\n[+]certificate ok\nreadyz check passed\n"},
      {"?verbose&exclude=ping&exclude=certificate",
       "[+]ping excluded: ok\n[+]certificate excluded: ok\nreadyz check passed\n"},
      {"?verbose&exclude=z%22&exclude=a&exclude=a",
       "[+]ping ok\n[+]certificate ok\n"
       "warn: some health checks cannot be excluded: no matches for \"a\",\"z\\\"\"\nreadyz check passed\n"},
  }));
  const http::Response response = ReportHealth("readyz", kHealthy, test::Get("/readyz" + example.query));
  CHECK(response.status == 200);
  CHECK(response.content_type == "text/plain; charset=utf-8");
  CHECK(test::HeaderOf(response, "X-Content-Type-Options") == "nosniff");
  CHECK(response.body == example.body);
}

TEST_CASE("a sick endpoint tells which check failed, but not why", "[api]") {
  const http::Response response = ReportHealth("livez", kSick, test::Get("/livez"));
  CHECK(response.status == 500);
  CHECK(response.body == "[+]ping ok\n[-]certificate failed: reason withheld\nlivez check failed\n");
  CHECK(ReportHealth("livez", kSick, test::Get("/livez?exclude=certificate")).body == "ok");
}

TEST_CASE("a check that is not required is shown, but does not decide", "[api]") {
  std::vector<HealthCheck> checks = kSick;
  checks[1].required = false;
  CHECK(ReportHealth("readyz", checks, test::Get("/readyz")).body == "ok");
  CHECK(ReportHealth("readyz", checks, test::Get("/readyz?verbose")).body ==
        "[+]ping ok\n[-]certificate failed: reason withheld (not required)\nreadyz check passed\n");
  CHECK(ReportCheck(checks[1]).status == 500);
}

TEST_CASE("a single check tells why it failed", "[api]") {
  CHECK(ReportCheck(kHealthy[1]).status == 200);
  CHECK(ReportCheck(kHealthy[1]).body == "ok");
  CHECK(ReportCheck(kSick[1]).status == 500);
  CHECK(ReportCheck(kSick[1]).body == "internal server error: expired <yesterday>\n");
}

}  // namespace
}  // namespace server::api
