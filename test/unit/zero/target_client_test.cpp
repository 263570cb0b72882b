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

}  // namespace
}  // namespace server::zero
