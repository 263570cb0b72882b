#include "server/certificates/certificate_keeper.h"

#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "server/http/certificate_facts.h"
#include "test/support/catch.h"
#include "test/support/fake_cluster.h"

namespace server::certificates {
namespace {

using kube::ApiError;
using kube::ApiRequest;
using std::chrono::hours;
using std::chrono::minutes;
using test::FakeCluster;

const std::string kSecret = "/api/v1/namespaces/queue-metrics/secrets/serving";
const std::string kApiService = "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.external.metrics.k8s.io";

/// One server, whose clock is moved by hand.
class Replica {
 public:
  explicit Replica(const FakeCluster& cluster)
      : keeper_(cluster.api(), {.secret = {"queue-metrics", "serving"},
                                .api_service = "v1beta1.external.metrics.k8s.io",
                                .policy = {{"localhost"}, hours(24)},
                                .events = [this](CertificateEvent event) { events_.push_back(event); },
                                .clock = [this] { return std::chrono::system_clock::now() + passed_; }}) {}

  void Look() { keeper_.Look({}); }
  void After(minutes passed) {
    passed_ = passed;
    Look();
  }
  std::string certificate() const { return keeper_.Current().value_or(SharedCertificate{}).certificate; }
  std::vector<CertificateEvent> TakeEvents() { return std::exchange(events_, {}); }

 private:
  std::vector<CertificateEvent> events_;
  minutes passed_{0};
  CertificateKeeper keeper_;
};

bool Trusted(const FakeCluster& cluster, const Replica& replica) {
  for (const std::string& authority : http::SplitCertificates(cluster.CaBundle())) {
    if (http::IsIssuedBy(replica.certificate(), authority)) {
      return true;
    }
  }
  return false;
}

TEST_CASE("the first replica fills the Secret and the caBundle, the second uses them") {
  FakeCluster cluster;
  Replica first(cluster);
  Replica second(cluster);
  first.Look();
  CHECK(first.TakeEvents() == std::vector{CertificateEvent::kNewAuthority, CertificateEvent::kNewCertificate,
                                          CertificateEvent::kInUse, CertificateEvent::kTrustChanged});
  second.Look();
  CHECK(second.TakeEvents() == std::vector{CertificateEvent::kInUse});
  CHECK(first.certificate() == cluster.Secret("tls.crt"));
  CHECK(second.certificate() == first.certificate());
  CHECK(http::KeyFits(cluster.Secret("tls.crt"), cluster.Secret("tls.key")));
  CHECK(cluster.CaBundle() == cluster.Secret("ca.crt"));
  for (Replica* replica : {&first, &second}) {
    replica->Look();
    CHECK(replica->TakeEvents().empty());
  }
  CHECK(cluster.secret_writes() == 1);
  CHECK(cluster.api_service_writes() == 1);
}

TEST_CASE("of two replicas that write at the same moment one wins, and the other one uses its work") {
  FakeCluster cluster;
  Replica slow(cluster);
  Replica fast(cluster);
  bool raced = false;
  cluster.BeforeAnswer([&](const ApiRequest& request) {
    if (request.method == "PATCH" && !std::exchange(raced, true)) {
      fast.Look();
    }
  });
  slow.Look();
  CHECK(raced);
  CHECK(slow.certificate() == fast.certificate());
  CHECK(cluster.secret_writes() == 1);
  CHECK(cluster.CaBundle() == cluster.Secret("ca.crt"));
}

TEST_CASE("many replicas at once agree") {
  FakeCluster cluster;
  std::vector<std::unique_ptr<Replica>> replicas;
  for (int i = 0; i < 8; ++i) {
    replicas.push_back(std::make_unique<Replica>(cluster));
  }
  {
    std::vector<std::jthread> threads;
    threads.reserve(replicas.size());
    for (const auto& replica : replicas) {
      threads.emplace_back([&replica] { replica->Look(); });
    }
  }
  CHECK(cluster.secret_writes() == 1);
  for (const auto& replica : replicas) {
    CHECK(replica->certificate() == cluster.Secret("tls.crt"));
    CHECK(Trusted(cluster, *replica));
  }
}

TEST_CASE("whatever two replicas do in a rotation of the authority, both are trusted all the time") {
  FakeCluster cluster;
  Replica one(cluster);
  Replica two(cluster);
  one.Look();
  two.Look();
  const std::string old_authority = cluster.Secret("ca.crt");
  cluster.SetSecret("ca.key", "");  // Asks for a new one.
  bool rotated = false;
  for (int minute = 0; minute < 150 && !rotated; minute += 10) {
    for (Replica* replica : {&two, &one}) {
      replica->After(minutes(minute));
      INFO(minute);
      REQUIRE(Trusted(cluster, one));
      REQUIRE(Trusted(cluster, two));
    }
    rotated = cluster.CaBundle().find(old_authority) == std::string::npos;
  }
  CHECK(rotated);
  CHECK(http::SplitCertificates(cluster.CaBundle()).size() == 1);
  CHECK(one.certificate() == two.certificate());
}

TEST_CASE("a replica that was away cannot take trust away from a new authority") {
  FakeCluster cluster;
  Replica sleeper(cluster);
  Replica other(cluster);
  sleeper.Look();
  other.Look();
  cluster.SetCaBundle("");  // Gives it something to write.
  bool slept = false;
  cluster.BeforeAnswer([&](const ApiRequest& request) {
    if (request.method == "PATCH" && request.path == kApiService && !std::exchange(slept, true)) {
      cluster.SetSecret("ca.key", "");
      other.Look();
    }
  });
  sleeper.Look();
  REQUIRE(slept);
  CHECK(http::SplitCertificates(cluster.Secret("ca.crt")).size() == 2);
  CHECK(cluster.CaBundle() == cluster.Secret("ca.crt"));
}

TEST_CASE("a caBundle that somebody changed is mended, and nothing else is written") {
  FakeCluster cluster;
  Replica replica(cluster);
  replica.Look();
  const std::string good = cluster.CaBundle();
  for (const std::string& bad : {std::string(), std::string("garbage"), good + good}) {
    cluster.SetCaBundle(bad);
    replica.After(minutes(61));
    CHECK(cluster.CaBundle() == good);
  }
  CHECK(cluster.secret_writes() == 1);
}

TEST_CASE("the certificate in use stays while kube-apiserver is away") {
  FakeCluster cluster;
  Replica replica(cluster);
  replica.Look();
  const std::string in_use = replica.certificate();
  cluster.BeforeAnswer([](const ApiRequest&) { throw ApiError(ApiError::Kind::kFailed, "connection refused"); });
  CHECK_THROWS_WITH(replica.Look(), ContainsText("connection refused"));
  CHECK(replica.certificate() == in_use);
}

TEST_CASE("without the APIService there is a certificate all the same, and a reason to complain") {
  FakeCluster cluster;
  Replica replica(cluster);
  cluster.BeforeAnswer([](const ApiRequest& request) {
    if (request.path == kApiService) {
      throw ApiError(ApiError::Kind::kFailed, "apiservices is forbidden");
    }
  });
  CHECK_THROWS_WITH(replica.Look(), ContainsText("apiservices is forbidden"));
  CHECK(replica.certificate() == cluster.Secret("tls.crt"));
  CHECK_FALSE(replica.certificate().empty());
}

TEST_CASE("a certificate that could not be shared is not used") {
  FakeCluster cluster;
  Replica replica(cluster);
  cluster.BeforeAnswer([](const ApiRequest& request) {
    if (request.method == "PATCH" && request.path == kSecret) {
      throw ApiError(ApiError::Kind::kFailed, "secrets is forbidden");
    }
  });
  CHECK_THROWS_WITH(replica.Look(), ContainsText("secrets is forbidden"));
  CHECK(replica.certificate().empty());
}

TEST_CASE("somebody who writes all the time is given up on, for now") {
  FakeCluster cluster;
  Replica replica(cluster);
  cluster.BeforeAnswer([&](const ApiRequest& request) {
    if (request.method == "PATCH") {
      cluster.SetSecret("other", "change");
    }
  });
  CHECK_THROWS_WITH(replica.Look(), ContainsText("somebody else writes"));
}

}  // namespace
}  // namespace server::certificates
