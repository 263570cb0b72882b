#include "server/zero/busy_pods.h"

#include <string>

#include "test/support/catch.h"

namespace server::zero {
namespace {

TEST_CASE("workers are known by the name of their pod") {
  struct Case {
    const char* worker;
    const char* pod;
    bool named_after;
  };
  const std::vector<Case> cases{
      {"executor-7d4b9-x2x4k", "executor-7d4b9-x2x4k", true},
      {"executor-7d4b9-x2x4k-1f2e3d4c", "executor-7d4b9-x2x4k", true},  // The reference executor.
      {"executor-7d4b9-x2x4k:7:0f1e", "executor-7d4b9-x2x4k", true},    // Sidekiq.
      {"executor-7d4b9-x2x4k.42", "executor-7d4b9-x2x4k", true},        // RQ.
      {"celery@executor-7d4b9-x2x4k", "executor-7d4b9-x2x4k", true},
      {"worker-1", "worker-1", true},
      {"worker-11", "worker-1", false},
      {"worker-1", "worker-11", false},
      {"other-7d4b9-x2x4k", "executor-7d4b9-x2x4k", false},
      {"", "executor", false},
  };
  for (const Case& c : cases) {
    CAPTURE(c.worker, c.pod);
    CHECK(IsNamedAfter(c.worker, c.pod) == c.named_after);
  }
}

TEST_CASE("no more is written than agreed, the busy first") {
  const std::vector<Pod> pods{
      {"idle", "1000001"}, {"busy-1", ""}, {"busy-2", ""}, {"marked", "1000001"}, {"foreign", "1000"}};
  const std::vector<std::string> holders{"busy-1", "busy-2", "marked"};
  const auto names = [&](std::size_t most) {
    std::string text;
    for (const CostChange& change : CostChanges(pods, holders, most)) {
      text += (change.busy ? "+" : "-") + change.pod + " ";
    }
    return text;
  };
  CHECK(names(10) == "+busy-1 +busy-2 -idle ");
  CHECK(names(2) == "+busy-1 +busy-2 ");
  CHECK(names(0).empty());
}

}  // namespace
}  // namespace server::zero
