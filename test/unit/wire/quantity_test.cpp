#include "server/wire/quantity.h"

#include <limits>
#include <utility>
#include <vector>

#include "test/support/catch.h"
#include "test/support/golden.h"

namespace server::wire {
namespace {

TEST_CASE("whole numbers are written as Go writes them", "[wire]") {
  const auto goldens = test::ReadGolden("quantity_format.json");
  for (const auto& golden : goldens.GetArray()) {
    if (test::Text(golden, "constructor") == "whole") {
      CHECK(QuantityText(golden["int"].GetInt64()) == test::Text(golden, "emitted"));
    }
  }
}

TEST_CASE("a quantity is read in thousandths, rounded up", "[wire]") {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  const std::vector<std::pair<std::string, std::optional<std::int64_t>>> cases{
      {"1", 1000},
      {"0", 0},
      {"+5", 5000},
      {"1500m", 1500},
      {"1.5", 1500},
      {".5", 500},
      {"2.", 2000},
      {"1.1", 1100},
      {"1k", 1'000'000},
      {"2Mi", 2'097'152'000},
      {"1e3", 1'000'000},
      {"1E-1", 100},
      {"1E", kMost},
      {"2n", 1},
      {"1000001u", 1001},
      {"0n", 0},
      {"1.0000000000000000000000001", 1001},
      {"99999999999999999999", kMost},
      {"", std::nullopt},
      {"-1", std::nullopt},
      {".", std::nullopt},
      {"1.2.3", std::nullopt},
      {"1x", std::nullopt},
      {"1ki", std::nullopt},
      {"1e", std::nullopt},
      {"ten", std::nullopt},
      {"1 ", std::nullopt},
  };
  for (const auto& [text, milli] : cases) {
    INFO(text);
    CHECK(ParseMilli(text) == milli);
  }
}

TEST_CASE("a value is clamped to what an HPA computes with correctly", "[wire]") {
  constexpr std::int64_t kLargest = 9223372036854775;
  CHECK(ClampForHpa(0) == 0);
  CHECK(ClampForHpa(42) == 42);
  CHECK(ClampForHpa(kLargest) == kLargest);
  CHECK(ClampForHpa(kLargest + 1) == kLargest);
  CHECK(ClampForHpa(std::numeric_limits<std::int64_t>::max()) == kLargest);
  CHECK(ClampForHpa(-1) == 0);
  CHECK(ClampForHpa(std::numeric_limits<std::int64_t>::min()) == 0);
}

}  // namespace
}  // namespace server::wire
