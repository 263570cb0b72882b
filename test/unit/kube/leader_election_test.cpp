#include "server/kube/leader_election.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "server/wire/timestamp.h"
#include "test/support/catch.h"
#include "test/support/eventually.h"
#include "test/support/fake_api.h"

namespace server::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using test::Eventually;

/// One Lease, kept as kube-apiserver keeps it: a write must name the version it replaces.
class LeaseServer {
 public:
  std::shared_ptr<Api> Connect() {
    return std::make_shared<test::FakeApi>([this](const ApiRequest& request) { return Answer(request); });
  }

  std::atomic<bool> broken = false;
  std::atomic<bool> conflicts = false;

  std::string Holder() const { return Spec()["holderIdentity"].String(); }
  /// One after the other, "" for nobody.
  std::vector<std::string> Holders() const {
    const std::lock_guard lock(mutex_);
    return holders_;
  }
  std::int64_t Transitions() const { return Spec()["leaseTransitions"].Int().value_or(-1); }
  std::string Acquired() const { return Spec()["acquireTime"].String(); }
  int Version() const {
    const std::lock_guard lock(mutex_);
    return version_;
  }

 private:
  Json Spec() const {
    const std::lock_guard lock(mutex_);
    return (*Json::Parse(body_.empty() ? "{}" : body_))["spec"];
  }

  ApiResponse Answer(const ApiRequest& request) {
    if (broken) {
      throw ApiError(ApiError::Kind::kFailed, "nobody there");
    }
    const std::lock_guard lock(mutex_);
    const std::string collection = "/apis/coordination.k8s.io/v1/namespaces/qm/leases";
    if (request.method == "GET") {
      CHECK(request.path == collection + "/server");
      return version_ == 0 ? ApiResponse{404, R"({"message":"not found"})", {}} : Lease(200);
    }
    const std::string based_on = (*Json::Parse(request.body))["metadata"]["resourceVersion"].String();
    if (conflicts || based_on != (version_ == 0 ? "" : std::to_string(version_))) {
      return {409, R"({"message":"the object has been modified"})", {}};
    }
    CHECK(request.method == (version_ == 0 ? "POST" : "PUT"));
    CHECK(request.path == (version_ == 0 ? collection : collection + "/server"));
    body_ = request.body;
    ++version_;
    const std::string holder = (*Json::Parse(body_))["spec"]["holderIdentity"].String();
    if (holders_.empty() || holders_.back() != holder) holders_.push_back(holder);
    return Lease(request.method == "POST" ? 201 : 200);
  }

  ApiResponse Lease(int status) const {
    std::string lease = body_;
    const std::string old_version = "\"namespace\":\"qm\"";
    const auto at = lease.find(old_version);
    const auto end = lease.find('}', at);
    lease.replace(at, end - at, old_version + R"(,"resourceVersion":")" + std::to_string(version_) + "\"");
    return {status, lease, {}};
  }

  mutable std::mutex mutex_;
  std::string body_;
  int version_ = 0;
  std::vector<std::string> holders_;
};

LeaderElectionOptions Quick(const std::string& identity) {
  return {.ns = "qm",
          .name = "server",
          .identity = identity,
          .lease_duration = seconds(2),
          .renew_deadline = seconds(1),
          .retry_period = milliseconds(100)};
}

/// Whoever leads loses that only by resigning.
LeaderElectionOptions Lasting(const std::string& identity) {
  LeaderElectionOptions options = Quick(identity);
  options.lease_duration = seconds(3600);
  options.renew_deadline = seconds(1800);
  return options;
}

bool Leads(const LeaderElection& election) { return election.LeadsUntil() > steady_clock::now(); }

LeaderElection::Listener Quiet() {
  return {.on_leader = [](std::string_view) {}, .on_failure = [](std::string_view) {}};
}

TEST_CASE("the first one leads, renews, and keeps the time it began") {
  LeaseServer server;
  const LeaderElection first(server.Connect(), Lasting("first"), Quiet());
  REQUIRE(Eventually([&] { return Leads(first); }));
  CHECK(server.Transitions() == 0);
  const std::string acquired = server.Acquired();
  REQUIRE(Eventually([&] { return server.Version() > 3; }));
  CHECK(Leads(first));
  CHECK(server.Holder() == "first");
  CHECK(server.Acquired() == acquired);
  CHECK(server.Transitions() == 0);
}

TEST_CASE("there is one leader, who is followed at once when it resigns") {
  LeaseServer server;
  auto first = std::make_unique<LeaderElection>(server.Connect(), Lasting("first"), Quiet());
  REQUIRE(Eventually([&] { return Leads(*first); }));
  const LeaderElection second(server.Connect(), Lasting("second"), Quiet());
  std::this_thread::sleep_for(milliseconds(500));
  CHECK_FALSE(Leads(second));
  first.reset();
  REQUIRE(Eventually([&] { return Leads(second); }));
  CHECK(server.Holders() == std::vector<std::string>{"first", "", "second"});
  CHECK(server.Transitions() == 1);
}

TEST_CASE("who cannot renew stops leading before anybody else begins") {
  LeaseServer server;
  const auto lost = std::make_shared<test::FakeApi>(test::FakeApi::Answer());
  std::atomic<bool> cut_off = false;
  const auto connection = server.Connect();
  lost->SetAnswer([&](const ApiRequest& request) -> ApiResponse {
    if (cut_off) {
      throw ApiError(ApiError::Kind::kTimeout, "too late");
    }
    return connection->Send(request, {}, {});
  });
  const LeaderElection first(lost, Quick("first"), Quiet());
  REQUIRE(Eventually([&] { return Leads(first); }));
  const LeaderElection second(server.Connect(), Quick("second"), Quiet());
  cut_off = true;
  bool both = false;
  REQUIRE(Eventually([&] {
    // In this order: the first may only stop between the two.
    const bool second_leads = Leads(second);
    both = both || (second_leads && Leads(first));
    return second_leads;
  }));
  CHECK_FALSE(both);
  CHECK(server.Holder() == "second");
}

TEST_CASE("who finds another holder stops leading at once") {
  LeaseServer server;
  const LeaderElection first(server.Connect(), Quick("first"), Quiet());
  REQUIRE(Eventually([&] { return Leads(first); }));
  const auto thief = server.Connect();
  REQUIRE(Eventually([&] {
    const auto response =
        thief->Send({.method = "PUT",
                     .path = "/apis/coordination.k8s.io/v1/namespaces/qm/leases/server",
                     .body = R"({"metadata":{"namespace":"qm","resourceVersion":")" + std::to_string(server.Version()) +
                             R"("},"spec":{"holderIdentity":"thief","leaseDurationSeconds":60,"renewTime":"x"}})"},
                    {}, {});
    return response.status == 200;
  }));
  CHECK(Eventually([&] { return !Leads(first); }));
  CHECK(server.Holder() == "thief");
}

TEST_CASE("whose write comes second does not lead") {
  LeaseServer server;
  server.conflicts = true;
  const LeaderElection election(server.Connect(), Quick("slow"), Quiet());
  std::this_thread::sleep_for(milliseconds(300));
  CHECK_FALSE(Leads(election));
  server.conflicts = false;
  CHECK(Eventually([&] { return Leads(election); }));
}

TEST_CASE("failures and leaders are told") {
  LeaseServer server;
  server.broken = true;
  std::mutex mutex;
  std::vector<std::string> told;
  const auto tell = [&](std::string_view text) {
    const std::lock_guard lock(mutex);
    told.emplace_back(text);
  };
  const LeaderElection election(server.Connect(), Quick("first"), {.on_leader = tell, .on_failure = tell});
  const auto has = [&](const std::string& text) {
    const std::lock_guard lock(mutex);
    return std::find(told.begin(), told.end(), text) != told.end();
  };
  CHECK(Eventually([&] { return has("nobody there"); }));
  CHECK_FALSE(Leads(election));
  server.broken = false;
  CHECK(Eventually([&] { return has("first"); }));
}

TEST_CASE("times are written with their microseconds") {
  const auto time = std::chrono::system_clock::time_point(seconds(1'700'000'000)) + std::chrono::microseconds(1234);
  CHECK(wire::MicroTime(time) == "2023-11-14T22:13:20.001234Z");
  CHECK(wire::MicroTime(time - std::chrono::microseconds(1234)) == "2023-11-14T22:13:20.000000Z");
}

}  // namespace
}  // namespace server::kube
