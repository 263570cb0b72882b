#include "server/log.h"

#include "test/support/catch.h"

namespace server {
namespace {

TEST_CASE("one line a second passes for each key, and the rest is counted", "[server]") {
  LogLimiter limiter;
  std::uint64_t suppressed = 99;
  CHECK(limiter.Allow("a", suppressed));
  CHECK(suppressed == 0);
  CHECK_FALSE(limiter.Allow("a", suppressed));
  CHECK_FALSE(limiter.Allow("a", suppressed));
  CHECK(limiter.Allow("b", suppressed));
  CHECK(suppressed == 0);
}

}  // namespace
}  // namespace server
