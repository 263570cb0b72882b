#include "server/zero_report.h"

#include "test/support/catch.h"

namespace server {
namespace {

TEST_CASE("acts are counted by action and result, HPAs by what is known of them", "[server]") {
  ZeroReport report;
  const zero::ManagedHpa hpa;
  report.OnAct({.hpa = hpa, .action = zero::Action::kWake, .text = "", .failed = false});
  report.OnAct({.hpa = hpa, .action = zero::Action::kSleep, .text = "", .failed = true});
  report.OnRound(
      {.managed = 4, .asleep = 3, .in_doubt = 2, .misconfigured = 1, .reading = std::chrono::milliseconds(2)});
  report.OnLeading(true);
  report.OnTrouble("cannot keep the Lease", "nobody there");
  const std::string page = report.Render();
  CHECK_THAT(page, ContainsText(R"(queue_metrics_zero_acts_total{action="wake",result="done"} 1)"));
  CHECK_THAT(page, ContainsText(R"(queue_metrics_zero_acts_total{action="sleep",result="failed"} 1)"));
  CHECK_THAT(page, ContainsText(R"(queue_metrics_zero_hpas{state="managed"} 4)"));
  CHECK_THAT(page, ContainsText(R"(queue_metrics_zero_hpas{state="asleep"} 3)"));
  CHECK_THAT(page, ContainsText(R"(queue_metrics_zero_hpas{state="in_doubt"} 2)"));
  CHECK_THAT(page, ContainsText(R"(queue_metrics_zero_hpas{state="misconfigured"} 1)"));
  CHECK_THAT(page, ContainsText("queue_metrics_zero_leading 1"));
  CHECK_THAT(page, ContainsText("queue_metrics_zero_reading_seconds_count 1"));
  CHECK_THAT(page, ContainsText("queue_metrics_zero_troubles_total 1"));
}

}  // namespace
}  // namespace server
