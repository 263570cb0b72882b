#include "metrics/layouts/key_pattern.h"

#include "test/support/catch.h"

namespace metrics::layouts {
namespace {

TEST_CASE("a key pattern has places for a queue and a worker, and other braces stay", "[layouts]") {
  CHECK(KeyOf("jobs:{queue}:x", "q") == "jobs:q:x");
  CHECK(KeyOf("{queue}", "q") == "q");
  CHECK(KeyOf("fixed", "q") == "fixed");
  CHECK(KeyOf("", "q").empty());
  CHECK(KeyOf("{{queue}}:{worker}:{queue}", "q", "w") == "{q}:w:q");
  CHECK(KeyOf("{tag}{{que{queue", "q") == "{tag}{{que{queue");
  CHECK(KeyOf("{queue}:{worker}", "{worker}", "{queue}") == "{worker}:{queue}");
}

}  // namespace
}  // namespace metrics::layouts
