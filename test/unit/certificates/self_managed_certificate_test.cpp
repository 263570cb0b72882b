#include "server/certificates/self_managed_certificate.h"

#include <atomic>

#include "test/support/catch.h"
#include "test/support/eventually.h"
#include "test/support/fake_cluster.h"

namespace server::certificates {
namespace {

using test::Eventually;
using test::FakeCluster;

CertificateKeeper::Options Options() {
  return {.secret = {"queue-metrics", "serving"},
          .api_service = "v1beta1.external.metrics.k8s.io",
          .policy = {{"localhost"}, std::chrono::minutes(1)},  // Looks once a second.
          .events = [](CertificateEvent) {}};
}

TEST_CASE("it waits for a kube-apiserver that is away, and says so") {
  FakeCluster cluster;
  cluster.BeforeAnswer(
      [](const kube::ApiRequest&) { throw kube::ApiError(kube::ApiError::Kind::kFailed, "connection refused"); });
  std::atomic<int> failures = 0;
  const SelfManagedCertificate managed(cluster.api(), Options(), [&](std::string_view) { ++failures; });
  REQUIRE(Eventually([&] { return failures >= 2; }));
  CHECK_FALSE(managed.Current());
  CHECK(managed.Problem() == "connection refused");
  cluster.BeforeAnswer({});
  REQUIRE(Eventually([&] { return !managed.Problem(); }));
  CHECK(managed.Current());
}

TEST_CASE("it mends a caBundle without being told") {
  FakeCluster cluster;
  const SelfManagedCertificate managed(cluster.api(), Options(), [](std::string_view) {});
  REQUIRE(Eventually([&] { return !managed.Problem(); }));
  const std::string good = cluster.CaBundle();
  REQUIRE_FALSE(good.empty());
  cluster.SetCaBundle("");
  CHECK(Eventually([&] { return cluster.CaBundle() == good; }));
  CHECK(cluster.api()->requests().size() < 40);  // By a look now and then.
}

}  // namespace
}  // namespace server::certificates
