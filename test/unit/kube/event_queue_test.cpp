#include "server/kube/event_queue.h"

#include <latch>

#include "test/support/catch.h"
#include "test/support/fake_api.h"

namespace server::kube {
namespace {

const ObjectReference kHpa{"autoscaling/v2", "HorizontalPodAutoscaler", "ns", "executor", "u1"};

TEST_CASE("events are written in their order, and what could not be written is told") {
  std::latch written(3);
  std::vector<std::string> reasons;
  const auto api = std::make_shared<test::FakeApi>([&](const ApiRequest& request) -> ApiResponse {
    const std::string reason = (*Json::Parse(request.body))["reason"].String();
    CHECK(request.path == "/api/v1/namespaces/ns/events");
    if (reason == "Failed") {
      throw ApiError(ApiError::Kind::kTimeout, "too late");
    }
    reasons.push_back(reason);
    written.count_down();
    return {201, "{}", {}};
  });
  std::string lost;
  EventQueue queue(api, "tester", "me", [&](std::string_view cause) {
    lost = cause;
    written.count_down();
  });
  queue.Add(kHpa, {.warning = false, .reason = "Woken", .message = "one job"});
  queue.Add(kHpa, {.warning = false, .reason = "Woken", .message = "one job"});  // Counted in the first.
  queue.Add(kHpa, {.warning = true, .reason = "Failed", .message = "no"});
  queue.Add(kHpa, {.warning = false, .reason = "PutToSleep", .message = "no job"});
  written.wait();
  CHECK(reasons == std::vector<std::string>{"Woken", "PutToSleep"});
  CHECK(lost == "too late");
}

TEST_CASE("an API server that hangs blocks nobody: events wait, and those that are too many are lost and told") {
  std::latch asked(1);
  std::latch release(1);
  int posts = 0;
  int lost = 0;
  {
    const auto api = std::make_shared<test::FakeApi>([&](const ApiRequest&) -> ApiResponse {
      if (posts++ == 0) {
        asked.count_down();
        release.wait();
      }
      return {201, "{}", {}};
    });
    EventQueue queue(api, "tester", "me", [&](std::string_view cause) {
      CHECK(cause == "too many events wait to be written");
      ++lost;
    });
    queue.Add(kHpa, {.warning = false, .reason = "Woken", .message = "first"});
    asked.wait();
    for (std::size_t i = 0; i < EventQueue::kMost + 2; ++i) {
      queue.Add(kHpa, {.warning = false, .reason = "Woken", .message = std::to_string(i)});
    }
    CHECK(lost == 2);
    release.count_down();
  }
  CHECK(posts <= static_cast<int>(EventQueue::kMost) + 1);
}

}  // namespace
}  // namespace server::kube
