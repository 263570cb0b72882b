#include "server/log.h"

#include "test/support/catch.h"
#include "test/support/eventually.h"

namespace server {
namespace {

TEST_CASE("one line a second passes for each key, and the rest is counted", "[server]") {
  LogLimiter limiter;
  std::uint64_t suppressed = 99;
  CHECK(limiter.Allow("a", suppressed));
  CHECK(suppressed == 0);
  CHECK(test::Eventually([&] { return !limiter.Allow("a", suppressed); }));  // At once, unless a second has gone by.
  CHECK(limiter.Allow("b", suppressed));
  CHECK(suppressed == 0);
}

}  // namespace
}  // namespace server
