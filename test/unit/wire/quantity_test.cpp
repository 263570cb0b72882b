#include "server/wire/quantity.h"

#include <limits>

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
