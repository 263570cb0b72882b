#include "server/zero_report.h"

#include <algorithm>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

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

/// What is written to stderr while it lives.
class Stderr {
 public:
  Stderr() { dup2(file_, STDERR_FILENO); }
  ~Stderr() {
    dup2(kept_, STDERR_FILENO);
    close(kept_);
    close(file_);
  }
  Stderr(const Stderr&) = delete;
  Stderr& operator=(const Stderr&) = delete;

  std::string Text() const {
    std::string text(static_cast<std::size_t>(lseek(file_, 0, SEEK_END)), '\0');
    text.resize(static_cast<std::size_t>(pread(file_, text.data(), text.size(), 0)));
    return text;
  }

 private:
  const int kept_ = dup(STDERR_FILENO);
  const int file_ = memfd_create("stderr", 0);
};

TEST_CASE("acts that fail all the time do not fill the log, whatever else is told in it", "[server]") {
  const Stderr written;
  ZeroReport report;
  const zero::ManagedHpa hpa;
  for (int i = 0; i < 1000; ++i) {
    report.OnAct({.hpa = hpa, .action = zero::Action::kSpareBusy, .text = "nobody knows", .failed = true});
  }
  report.OnAct({.hpa = hpa, .action = zero::Action::kWake, .text = "forbidden", .failed = true});
  for (int i = 0; i < 2; ++i) {
    report.OnAct({.hpa = hpa, .action = zero::Action::kWake, .text = "one job", .failed = false});
  }
  const std::string text = written.Text();
  CHECK_THAT(text, ContainsText("action=spare-busy"));
  CHECK_THAT(text, ContainsText("forbidden"));
  CHECK(std::ranges::count(text, '\n') < 100);
  CHECK_THAT(text.substr(text.find("one job") + 1), ContainsText("one job"));
  CHECK_THAT(report.Render(),
             ContainsText(R"(queue_metrics_zero_acts_total{action="spare-busy",result="failed"} 1000)"));
}

}  // namespace
}  // namespace server
