#include "metrics/duration.h"

#include "test/support/catch.h"

namespace metrics {
namespace {

using std::chrono::nanoseconds;

TEST_CASE("a duration is written as Go writes it", "[server]") {
  using namespace std::chrono_literals;
  struct Case {
    std::string text;
    nanoseconds value;
  };
  const auto example = GENERATE(values<Case>({
      {"0", 0ns},
      {"0s", 0ns},
      {"5s", 5s},
      {"+5s", 5s},
      {"-5s", -5s},
      {"1.5s", 1500ms},
      {".5s", 500ms},
      {"1.s", 1s},
      {"300ms", 300ms},
      {"7us", 7us},
      {"7\u00b5s", 7us},
      {"7\u03bcs", 7us},
      {"9ns", 9ns},
      {"2h45m", 2h + 45min},
      {"1m30s", 90s},
      {"0.100000000000000000000h", 6min},
      {"0.9223372036854775807h", 3'320'413'933'267ns},
      {"9223372036854775807ns", nanoseconds::max()},
      {"-9223372036854775808ns", nanoseconds::min()},
  }));
  INFO(example.text);
  CHECK(std::get<nanoseconds>(ParseDuration(example.text)) == example.value);
}

TEST_CASE("a bad duration is refused in Go's words", "[server]") {
  struct Case {
    std::string text;
    std::string error;
  };
  const auto example = GENERATE(values<Case>({
      {"", "time: invalid duration \"\""},
      {"-", "time: invalid duration \"-\""},
      {"5", "time: missing unit in duration \"5\""},
      {"1h5", "time: missing unit in duration \"1h5\""},
      {"5x", "time: unknown unit \"x\" in duration \"5x\""},
      {"s", "time: invalid duration \"s\""},
      {".s", "time: invalid duration \".s\""},
      {".", "time: invalid duration \".\""},
      {"1..5s", "time: missing unit in duration \"1..5s\""},
      {"1.s.", "time: invalid duration \"1.s.\""},
      {"9223372036854775808ns", "time: invalid duration \"9223372036854775808ns\""},
      {"-9223372036854775809ns", "time: invalid duration \"-9223372036854775809ns\""},
      {"9223372036854775807.9us", "time: invalid duration \"9223372036854775807.9us\""},
      {"\xff", R"(time: invalid duration "\xff")"},
      {"1\u00b5", R"(time: unknown unit "\xc2\xb5" in duration "1\xc2\xb5")"},
      {"1\"\\\n", R"(time: unknown unit "\"\\\x0a" in duration "1\"\\\x0a")"},
      {"9999999999h", "time: invalid duration \"9999999999h\""},
  }));
  INFO(example.text);
  CHECK(std::get<std::string>(ParseDuration(example.text)) == example.error);
}

}  // namespace
}  // namespace metrics
