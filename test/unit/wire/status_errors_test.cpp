#include "server/wire/status_errors.h"

#include <map>

#include "server/wire/json.h"
#include "test/support/catch.h"
#include "test/support/golden.h"

namespace server::wire {
namespace {

TEST_CASE("errors are worded as apimachinery words them", "[wire]") {
  const std::string metric = "queue-depth";
  const std::map<std::string, Status> made{
      {"400 BadRequest", BadRequest("unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt")},
      {"401 Unauthorized", Unauthorized()},
      {"403 Forbidden (path)", Forbidden(R"(forbidden: User "jane" cannot get path "/metrics")", {})},
      {"404 NotFound as NewNotFound(group/resource, name) builds it",
       MetricNotFound(metric, R"(queue-depth.external.metrics.k8s.io "queue-depth" not found)")},
      {"406 NotAcceptable", NotAcceptable("application/json, application/yaml, application/vnd.kubernetes.protobuf")},
      {"500 InternalError", InternalError("backend exploded")},
      {"503 ServiceUnavailable", ServiceUnavailable("backend is starting")},
  };
  std::size_t compared = 0;
  const auto goldens = test::ReadGolden("status.json");
  for (const auto& golden : goldens.GetArray()) {
    const auto status = made.find(test::Text(golden, "description"));
    if (status != made.end()) {
      CHECK(EncodeJson(status->second, JsonStyle::kCompact) == test::Text(golden, "json_text"));
      ++compared;
    }
  }
  CHECK(compared == made.size());
}

TEST_CASE("a Status without a reason has no such member in JSON", "[wire]") {
  const Status status{.code = 505, .reason = "", .message = "no", .details = {}};
  CHECK(EncodeJson(status, JsonStyle::kCompact) ==
        R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"no","code":505})"
        "\n");
}

TEST_CASE("several invalid list options are listed in brackets", "[wire]") {
  const Status one = InvalidListOptions({{"R", "M", "f"}});
  CHECK(one.message == R"(ListOptions.meta.k8s.io "" is invalid: f: M)");
  const Status two = InvalidListOptions({{"R", "M", "f"}, {"S", "N", "g"}});
  CHECK(two.message == R"(ListOptions.meta.k8s.io "" is invalid: [f: M, g: N])");
  CHECK(two.details->causes.size() == 2);
}

}  // namespace
}  // namespace server::wire
