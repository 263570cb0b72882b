#include "server/zero/target_client.h"

#include <memory>

#include "test/support/catch.h"
#include "test/support/fake_api.h"

namespace server::zero {
namespace {

using kube::ApiRequest;
using kube::ApiResponse;

ManagedHpa HpaOf(ScaleTarget target) {
  ManagedHpa hpa;
  hpa.ns = "ns";
  hpa.name = "executor";
  hpa.target = std::move(target);
  return hpa;
}

TEST_CASE("a name stays within its segment of the path") {
  const auto api = std::make_shared<test::FakeApi>([](const ApiRequest& request) -> ApiResponse {
    return {200,
            request.path == "/apis/apps/v1" ? R"({"resources":[{"name":"deployments","kind":"Deployment"}]})"
                                            : R"({"spec":{"replicas":3}})",
            {}};
  });
  TargetClient targets(api);
  CHECK(targets.ReadScale(HpaOf({"apps/v1", "Deployment", "a b/../c?d#e\r\nf"}), {}).replicas == 3);
  CHECK(api->requests().back().path == "/apis/apps/v1/namespaces/ns/deployments/a%20b%2F..%2Fc%3Fd%23e%0D%0Af/scale");
}

TEST_CASE("a version that is not served is as good to us as it is to the HPA") {
  const auto api = std::make_shared<test::FakeApi>([](const ApiRequest& request) -> ApiResponse {
    if (request.path == "/apis/apps/v1beta2") {
      return {404, "404 page not found", {}};
    }
    if (request.path == "/apis/apps") {
      return {200, R"({"preferredVersion":{"groupVersion":"apps/v1","version":"v1"}})", {}};
    }
    if (request.path == "/apis/apps/v1") {
      return {200, R"({"resources":[{"name":"deployments","kind":"Deployment"}]})", {}};
    }
    return {request.path == "/apis/apps/v1/namespaces/ns/deployments/worker/scale" ? 200 : 404, "{}", {}};
  });
  TargetClient targets(api);
  const ManagedHpa hpa = HpaOf({"apps/v1beta2", "Deployment", "worker"});
  targets.ReadScale(hpa, {});
  CHECK(api->requests().size() == 4);
  targets.ReadScale(hpa, {});
  CHECK(api->requests().size() == 5);
  CHECK_THROWS_AS(targets.ReadScale(HpaOf({"gone/v1", "Deployment", "worker"}), {}), kube::ApiError);
}

TEST_CASE("a version that is served no more is looked for anew") {
  bool has_beta = true;
  const auto api = std::make_shared<test::FakeApi>([&has_beta](const ApiRequest& request) -> ApiResponse {
    const std::string served = has_beta ? "/apis/example.com/v1beta1" : "/apis/example.com/v1";
    if (request.path == "/apis/example.com") {
      return {200, R"({"preferredVersion":{"version":"v1"}})", {}};
    }
    if (request.path == served) {
      return {200, R"({"resources":[{"name":"workers","kind":"Worker"}]})", {}};
    }
    if (request.path == served + "/namespaces/ns/workers/gone/scale") {
      return {404, R"({"kind":"Status","details":{"name":"gone","kind":"workers"}})", {}};
    }
    return {request.path == served + "/namespaces/ns/workers/some/scale" ? 200 : 404, "{}", {}};
  });
  TargetClient targets(api);
  const ManagedHpa hpa = HpaOf({"example.com/v1beta1", "Worker", "some"});
  targets.ReadScale(hpa, {});
  CHECK_THROWS_AS(targets.ReadScale(HpaOf({"example.com/v1beta1", "Worker", "gone"}), {}), kube::ApiError);
  const std::size_t requests = api->requests().size();
  targets.ReadScale(hpa, {});
  CHECK(api->requests().size() == requests + 1);  // That an object is gone says nothing of its kind.
  has_beta = false;
  CHECK_THROWS_AS(targets.ReadScale(hpa, {}), kube::ApiError);
  CHECK_NOTHROW(targets.ReadScale(hpa, {}));
}

}  // namespace
}  // namespace server::zero
