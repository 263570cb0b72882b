#include "metrics/layouts/job_time.h"

#include <string>

#include "test/support/answers.h"
#include "test/support/catch.h"

namespace test {
namespace {

using namespace metrics::layouts;
using namespace std::chrono_literals;

TEST_CASE("ISO 8601 is read with and without a fraction and an offset", "[layouts]") {
  struct Case {
    std::string text;
    std::optional<std::chrono::seconds> after_now;
  };
  const auto example = GENERATE(values<Case>({
      {"2027-01-15T08:00:00", 0s},
      {"2027-01-15T08:00:01Z", 1s},
      {"2027-01-15 08:00:01.999999Z", 1s},
      {"2027-01-15T08:00:01.5+00:00", 1s},
      {"2027-01-15T09:30:00+01:30", 0s},
      {"2027-01-15T00:00:00-0800", 0s},
      {"2027-01-16T08:00:00", 24h},
      {"", {}},
      {"2027-01-15", {}},
      {"2027-13-15T08:00:00", {}},
      {"2027-02-30T08:00:00", {}},
      {"2027-01-15T24:00:00", {}},
      {"2027-01-15T08:00:00.", {}},
      {"2027-01-15T08:00:00+1", {}},
      {"2027-01-15T08:00:00Zx", {}},
      {"2027-01-15T-8:00:00", {}},
      {"yesterday", {}},
  }));
  INFO(example.text);
  const auto time = TimeFromIso8601(example.text);
  CHECK(time.has_value() == example.after_now.has_value());
  if (time && example.after_now) CHECK(*time - kNow == *example.after_now);
}

TEST_CASE("a number is a time of its unit, unless no clock can hold it", "[layouts]") {
  CHECK(TimeFromNumber("1800000000", TimeUnit::kSeconds) == kNow);
  CHECK(TimeFromNumber("1800000000000", TimeUnit::kMilliseconds) == kNow);
  CHECK(TimeFromNumber("1.8e+15", TimeUnit::kMicroseconds) == kNow);
  CHECK(TimeFromNumber("1800000000000000000", TimeUnit::kNanoseconds) == kNow);
  CHECK(TimeFromNumber("7372800000000000", TimeUnit::kMilliseconds4096) == kNow);
  for (const char* text : {"", "x", "1x", "inf", "-inf", "nan", "1e300"}) {
    INFO(text);
    CHECK_FALSE(TimeFromNumber(text, TimeUnit::kSeconds));
  }
}

TEST_CASE("all scores of the present millisecond are due", "[layouts]") {
  const auto now = kNow + 7ms;
  CHECK(DueScore(now, TimeUnit::kSeconds) == "1800000000.007");
  CHECK(DueScore(now, TimeUnit::kMilliseconds) == "1800000000007");
  CHECK(DueScore(now, TimeUnit::kMicroseconds) == "1800000000007000");
  CHECK(DueScore(now, TimeUnit::kNanoseconds) == "1800000000007000000");
  CHECK(DueScore(now, TimeUnit::kMilliseconds4096) == std::to_string(1800000000007 * 4096 + 4095));
}

TEST_CASE("no score before the first is a time", "[layouts]") {
  CHECK(FirstScore(TimeUnit::kSeconds) == "(-9000000000");
  for (const TimeUnit unit : {TimeUnit::kSeconds, TimeUnit::kMilliseconds, TimeUnit::kMicroseconds,
                              TimeUnit::kNanoseconds, TimeUnit::kMilliseconds4096}) {
    CHECK_FALSE(TimeFromNumber(FirstScore(unit).substr(1), unit));
  }
}

}  // namespace
}  // namespace test
