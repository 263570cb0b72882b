#include "server/telemetry.h"

#include "test/support/catch.h"

namespace server {
namespace {

TEST_CASE("requests are counted by verb, metric and code", "[server]") {
  Telemetry telemetry("v1");
  telemetry.OnRequest("list", "redis_queue_length", 200, std::chrono::microseconds(70));
  telemetry.OnRequest("get", "", 404, std::chrono::microseconds(70));
  const std::string page = telemetry.Render();
  CHECK_THAT(page, ContainsText(R"(apiserver_request_total{code="200",resource="redis_queue_length",verb="list"} 1)"));
  CHECK_THAT(page, ContainsText(R"(apiserver_request_total{code="404",resource="",verb="get"} 1)"));
  CHECK_THAT(page,
             ContainsText(R"(apiserver_request_duration_seconds_count{resource="redis_queue_length",verb="list"} 1)"));
  CHECK_THAT(page, ContainsText(R"(queue_metrics_build_info{version="v1"} 1)"));
}

TEST_CASE("methods that clients make up do not make new series", "[server]") {
  Telemetry telemetry("v1");
  for (int i = 0; i < 100; ++i) {
    telemetry.OnRequest("verb" + std::to_string(i), "", 404, std::chrono::microseconds(1));
  }
  const std::string page = telemetry.Render();
  CHECK_THAT(page, ContainsText(R"(apiserver_request_total{code="404",resource="",verb="other"} 100)"));
  CHECK_THAT(page, !ContainsText("verb1"));
}

TEST_CASE("Redis sources are told apart", "[server]") {
  Telemetry telemetry("v1");
  telemetry.OnRoundTrip("default", std::chrono::microseconds(70));
  telemetry.OnError("default", "emails", metrics::UnavailableKind::kTimeout, "too late");
  telemetry.OnConnectionChange("default", true, "");
  const std::string page = telemetry.Render();
  CHECK_THAT(page, ContainsText(R"(queue_metrics_redis_round_trip_seconds_count{source="default"} 1)"));
  CHECK_THAT(page, ContainsText(R"(queue_metrics_redis_errors_total{kind="timeout",source="default"} 1)"));
  CHECK_THAT(page, ContainsText(R"(queue_metrics_redis_up{source="default"} 1)"));
}

}  // namespace
}  // namespace server
