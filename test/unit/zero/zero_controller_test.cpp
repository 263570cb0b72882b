#include "server/zero/zero_controller.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "test/support/catch.h"
#include "test/support/fake_api.h"

namespace server::zero {
namespace {

using kube::ApiError;
using kube::ApiRequest;
using kube::ApiResponse;
using kube::Json;
using std::chrono::seconds;

/// One HPA and its target, kept as kube-apiserver keeps them: a write must name the version it replaces. Requests may
/// come from several threads at once, as the tasks of one round do; everything else is for between the rounds.
class Cluster {
 public:
  std::int32_t replicas = 1;
  std::int32_t min_replicas = 1;
  std::string annotations =
      R"("zero.queue-metrics.dev/actions":"wake,sleep,mend","zero.queue-metrics.dev/cool-down":"60s")";
  std::string owns_zero = "False";
  int version = 1;
  int hpa_version = 1;
  /// Of the last write of the scale.
  std::chrono::milliseconds time_limit{0};
  bool hpa_has_looked = true;
  std::string uid = "u1";
  bool hpa_is_gone = false;
  int requests = 0;
  /// Called for each request before it is answered; may throw.
  std::function<void(const ApiRequest&)> fault = [](const ApiRequest&) {};
  /// Called for each request that was answered; if it throws, the answer is lost.
  std::function<void(const ApiRequest&)> answered = [](const ApiRequest&) {};
  /// Of the same queue.
  std::vector<std::string> metrics{"redis_queue_length"};

  /// Their deletion costs.
  std::map<std::string, std::string> pods;
  /// Those of them that are on their way out, and those that have failed.
  std::set<std::string> leaving;
  std::set<std::string> failed;
  int pod_writes = 0;
  std::vector<std::string> events;
  std::vector<std::string> writes;

  std::shared_ptr<kube::Api> Connect() {
    return std::make_shared<test::FakeApi>([this](const ApiRequest& request) {
      const std::lock_guard lock(mutex_);
      ApiResponse response = Answer(request);
      answered(request);
      return response;
    });
  }

  void AddEvent(const kube::ObjectReference& about, const kube::EventText& text) {
    const std::lock_guard lock(mutex_);
    CHECK(about.uid == uid);
    events.push_back(text.reason + ": " + text.message);
  }

  Json Hpa() const {
    const std::string status = hpa_has_looked
                                   ? R"({"currentReplicas":)" + std::to_string(replicas) + R"(,"desiredReplicas":)" +
                                         std::to_string(replicas) +
                                         R"(,"conditions":[{"type":"ScaledToZero","status":")" + owns_zero + R"("}]})"
                                   : R"({"desiredReplicas":0})";
    std::string sources;
    for (const std::string& metric : metrics) {
      sources +=
          (sources.empty() ? "" : ",") + std::string(R"({"type":"External","external":{"metric":{"name":")") + metric +
          R"(","selector":{"matchLabels":{"queue":"jobs"}}},"target":{"type":"AverageValue","averageValue":"1"}}})";
    }
    return *Json::Parse(
        R"({"metadata":{"namespace":"ns","name":"executor","uid":")" + uid + R"(","resourceVersion":")" +
        std::to_string(hpa_version) + R"(","annotations":{)" + annotations +
        R"(}},"spec":{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"worker"},"minReplicas":)" +
        std::to_string(min_replicas) +
        R"(,"maxReplicas":10,"behavior":{"scaleUp":{"policies":[{"type":"Pods","value":10}]}},)"
        R"("metrics":[)" +
        sources + R"(]},"status":)" + status + "}");
  }

 private:
  ApiResponse Answer(const ApiRequest& request) {
    ++requests;
    fault(request);
    const auto body = Json::Parse(request.body);
    if (request.path == "/apis/apps/v1") {
      return {
          200,
          R"({"resources":[{"name":"deployments/scale","kind":"Scale"},{"name":"deployments","kind":"Deployment"}]})",
          {}};
    }
    if (request.path.starts_with("/api/v1/namespaces/ns/pods")) {
      return AnswerPods(request);
    }
    if (request.method == "GET" && request.path.starts_with("/apis/autoscaling")) {
      CHECK(request.path == "/apis/autoscaling/v2/namespaces/ns/horizontalpodautoscalers/executor");
      if (hpa_is_gone) {
        return {404, R"({"message":"not found"})", {}};
      }
      return {200, R"({"metadata":{"resourceVersion":")" + std::to_string(hpa_version) + "\"}}", {}};
    }
    if (request.method == "GET") {
      CHECK(request.path == "/apis/apps/v1/namespaces/ns/deployments/worker/scale");
      return {200,
              R"({"metadata":{"resourceVersion":")" + std::to_string(version) + R"("},"spec":{)" +
                  (replicas == 0 ? "" : R"("replicas":)" + std::to_string(replicas)) +
                  R"(},"status":{"selector":"app=worker"}})",
              {}};
    }
    if (request.method == "PUT") {
      const std::string limited = "/apis/apps/v1/namespaces/ns/deployments/worker/scale?timeout=";
      REQUIRE(request.path.starts_with(limited));
      REQUIRE(request.path.ends_with("ms"));
      time_limit = std::chrono::milliseconds(std::stoi(request.path.substr(limited.size())));
      CHECK(time_limit <= ((*body)["spec"]["replicas"].Int() > 0 ? seconds(5) : seconds(1)));
      if ((*body)["metadata"]["resourceVersion"].String() != std::to_string(version)) {
        return {409, R"({"message":"the object has been modified"})", {}};
      }
      replicas = static_cast<std::int32_t>(*(*body)["spec"]["replicas"].Int());
      ++version;
      writes.push_back("scale to " + std::to_string(replicas));
      return {200, "{}", {}};
    }
    CHECK(request.path.starts_with(
        "/apis/autoscaling/v2/namespaces/ns/horizontalpodautoscalers/executor/status?timeout="));
    CHECK(request.content_type == "application/strategic-merge-patch+json");
    if ((*body)["metadata"]["resourceVersion"].String() != std::to_string(hpa_version)) {
      return {409, R"({"message":"the object has been modified"})", {}};
    }
    owns_zero = (*body)["status"]["conditions"].Elements().front()["status"].String();
    ++hpa_version;
    writes.push_back("ScaledToZero " + owns_zero);
    return {200, "{}", {}};
  }

  ApiResponse AnswerPods(const ApiRequest& request) {
    if (request.method == "GET") {
      CHECK(request.path == "/api/v1/namespaces/ns/pods?limit=100&labelSelector=app%3Dworker");
      std::string items;
      for (const auto& [name, cost] : pods) {
        items += std::string(items.empty() ? "" : ",") + R"({"metadata":{"name":")" + name +
                 (leaving.contains(name) ? R"(","deletionTimestamp":"2027-01-15T08:00:00Z)" : "") +
                 R"(","annotations":{)" +
                 (cost.empty() ? "" : R"("controller.kubernetes.io/pod-deletion-cost":")" + cost + "\"") +
                 R"(}},"status":{"phase":")" + (failed.contains(name) ? "Failed" : "Running") + "\"}}";
      }
      return {200, R"({"items":[)" + items + "]}", {}};
    }
    const std::string name = request.path.substr(request.path.rfind('/') + 1);
    CHECK(request.content_type == "application/merge-patch+json");
    const auto found = pods.find(name);
    if (found == pods.end()) {
      return {404, R"({"message":"not found"})", {}};
    }
    found->second =
        (*Json::Parse(request.body))["metadata"]["annotations"]["controller.kubernetes.io/pod-deletion-cost"].String();
    ++pod_writes;
    return {200, "{}", {}};
  }

  std::mutex mutex_;
};

class Silent final : public ZeroObserver {
 public:
  void OnAct(const Act& /*act*/) override {}
  void OnRound(const RoundSummary& round) override { summary = round; }
  void OnLeading(bool /*leading*/) override {}
  void OnLeader(std::string_view /*holder*/) override {}
  void OnTrouble(std::string_view /*what*/, std::string_view /*cause*/) override {}

  RoundSummary summary;
};

/// A controller, its cluster and its queue, one round a second.
class Harness {
 public:
  Harness() {
    cluster.fault = [](const ApiRequest&) {};
    List(true);
  }

  /// As the watch does it, from time to time.
  void List(bool there) {
    controller.OnList();
    if (there) {
      controller.OnHpa(cluster.Hpa(), false);
    }
    controller.OnListed();
  }

  void Round(seconds passed = seconds(1)) {
    now += passed;
    controller.Round({});
  }

  void Rounds(int count) {
    for (int i = 0; i < count; ++i) {
      Round();
    }
  }

  /// As the watch would tell it.
  void HpaChanged() {
    ++cluster.hpa_version;
    controller.OnHpa(cluster.Hpa(), false);
  }

  Cluster cluster;
  Silent observer;
  std::optional<std::int64_t> length = 0;
  int readings = 0;
  HoldersReading holders;
  bool leads = true;
  std::chrono::milliseconds lease_left = seconds(60);
  TimePoint now{seconds(1000)};
  ZeroController controller{
      {.api = cluster.Connect(),
       .read =
           [this](const std::vector<QueueQuery>& queries, TimePoint) {
             ++readings;
             return std::vector<QueueReading>(queries.size(), {length, length ? "" : "Redis is down"});
           },
       .read_holders = [this](const QueueQuery&, TimePoint) { return holders; },
       .leads_until = [this] { return std::chrono::steady_clock::now() + (leads ? lease_left : seconds(-1)); },
       .add_event = [this](const kube::ObjectReference& about,
                           const kube::EventText& text) { cluster.AddEvent(about, text); },
       .our_metrics = {"redis_queue_length"},
       .round = std::chrono::hours(1),
       .clock = [this] { return now; }},
      observer};
};

using Strings = std::vector<std::string>;

TEST_CASE("a target is woken to what its queue needs, and its HPA is told why") {
  Harness harness;
  harness.cluster.replicas = 0;
  harness.HpaChanged();
  harness.Round();
  CHECK(harness.cluster.writes.empty());
  CHECK(harness.observer.summary.asleep == 1);
  harness.length = 5;
  harness.Round();
  CHECK(harness.cluster.writes == Strings{"scale to 5"});
  CHECK(harness.cluster.events ==
        Strings{"Woken: Scaled Deployment/worker from 0 to 5: redis_queue_length{queue=jobs} is 5"});
  harness.Rounds(5);
  CHECK(harness.cluster.writes.size() == 1);
  CHECK(harness.observer.summary.asleep == 0);
}

TEST_CASE("a wake may take its time, but not longer than the Lease lasts") {
  Harness harness;
  harness.cluster.replicas = 0;
  harness.HpaChanged();
  harness.length = 5;
  SECTION("a long time") {
    harness.Round();
    CHECK(harness.cluster.time_limit > seconds(3));
  }
  SECTION("some time") {
    harness.lease_left = seconds(3);
    harness.Round();
    CHECK(harness.cluster.time_limit <= seconds(3));
  }
  SECTION("less than a second") {
    harness.lease_left = std::chrono::milliseconds(999);
    harness.Round();
    CHECK(harness.cluster.writes.empty());
  }
}

TEST_CASE("a target that somebody else put to 0 is woken, though nobody said so") {
  Harness harness;
  harness.Round();
  harness.cluster.replicas = 0;  // The HPA has not looked yet.
  ++harness.cluster.version;
  harness.length = 2;
  harness.Round();
  CHECK(harness.cluster.writes == Strings{"scale to 2"});
}

TEST_CASE("a target sleeps after the whole cool-down, and not before") {
  Harness harness;
  harness.Rounds(60);
  CHECK(harness.cluster.writes.empty());
  harness.Round();
  CHECK(harness.cluster.writes == Strings{"scale to 0"});
  CHECK(harness.cluster.events ==
        Strings{"PutToSleep: Scaled Deployment/worker from 1 to 0: no job has waited or been in flight for 60 s"});
}

TEST_CASE("the queue is read once more just before a target sleeps") {
  Harness harness;
  harness.Rounds(60);
  harness.cluster.fault = [&](const ApiRequest& request) {
    if (request.method == "GET") {
      harness.length = 1;  // A job, while the scale was being read.
    }
  };
  harness.Round();
  CHECK(harness.cluster.writes.empty());
  harness.length = 0;
  harness.Rounds(30);
  CHECK(harness.cluster.writes.empty());
}

TEST_CASE("nothing is put to sleep while anything is in doubt") {
  Harness harness;
  harness.Rounds(60);
  SECTION("Redis") { harness.length.reset(); }
  SECTION("leadership") { harness.leads = false; }
  SECTION("the HPAs") { harness.controller.OnWatchFailure("nobody there"); }
  SECTION("an API server that answers late") {
    harness.cluster.fault = [](const ApiRequest& request) {
      if (request.method == "GET") {
        std::this_thread::sleep_for(TargetClient::kPatience + std::chrono::milliseconds(100));
      }
    };
  }
  SECTION("an API server that does not answer") {
    harness.cluster.fault = [](const ApiRequest&) { throw ApiError(ApiError::Kind::kTimeout, "too late"); };
  }
  SECTION("the size of the target") { harness.cluster.replicas = 3; }
  SECTION("a change of the HPA that the watch has not told") { ++harness.cluster.hpa_version; }
  SECTION("an HPA of which the watch has not told that it is gone") { harness.cluster.hpa_is_gone = true; }
  harness.Round();
  CHECK(harness.cluster.writes.empty());
}

TEST_CASE("a watch that failed begins the cool-down anew") {
  Harness harness;
  harness.Rounds(59);
  harness.controller.OnWatchFailure("nobody there");
  harness.Round();
  harness.List(true);
  harness.Rounds(59);
  CHECK(harness.cluster.writes.empty());
  harness.Rounds(2);
  CHECK(harness.cluster.writes == Strings{"scale to 0"});
}

TEST_CASE("a wake is two requests, once it is known where its kind is served") {
  Harness harness;
  for (int i = 0; i < 2; ++i) {
    harness.cluster.replicas = 0;
    harness.length = 0;
    harness.HpaChanged();
    harness.Round();
    harness.cluster.requests = 0;
    harness.length = 1;
    harness.Round();
    CHECK(harness.cluster.requests == (i == 0 ? 3 : 2));
    CHECK(harness.cluster.replicas == 1);
  }
}

TEST_CASE("a pause that the watch has not told to be over is not begun any more") {
  Harness harness;
  harness.cluster.annotations += R"(,"zero.queue-metrics.dev/paused-at":"0")";
  harness.cluster.replicas = 4;
  harness.HpaChanged();
  ++harness.cluster.hpa_version;
  harness.Rounds(3);
  CHECK(harness.cluster.writes.empty());
}

TEST_CASE("a reading that is missing wakes nobody") {
  Harness harness;
  harness.cluster.replicas = 0;
  harness.HpaChanged();
  harness.length.reset();
  harness.Rounds(3);
  CHECK(harness.cluster.writes.empty());
  CHECK(harness.observer.summary.in_doubt == 1);
}

TEST_CASE("who does not lead reads nothing and writes nothing") {
  Harness harness;
  harness.leads = false;
  harness.cluster.replicas = 0;
  harness.HpaChanged();
  harness.length = 5;
  harness.Rounds(3);
  CHECK(harness.cluster.writes.empty());
  CHECK(harness.readings == 0);
}

TEST_CASE("a leader that begins anew has not seen any cool-down") {
  Harness harness;
  harness.Rounds(60);
  harness.leads = false;
  harness.Round();
  harness.leads = true;
  harness.Rounds(60);
  CHECK(harness.cluster.writes.empty());
}

TEST_CASE("a write that comes second is not made, and the next one counts on what it found") {
  Harness harness;
  harness.cluster.replicas = 0;
  harness.HpaChanged();
  harness.length = 5;
  bool first = true;
  harness.cluster.fault = [&](const ApiRequest& request) {
    if (request.method == "PUT" && std::exchange(first, false)) {
      harness.cluster.replicas = 3;  // The HPA, or another leader.
      ++harness.cluster.version;
    }
  };
  harness.Round();
  CHECK(harness.cluster.replicas == 3);
  CHECK(harness.cluster.writes.empty());
}

TEST_CASE("a zero that the HPA does not own is handed over to it once") {
  Harness harness;
  harness.cluster.replicas = 0;
  harness.cluster.min_replicas = 0;
  harness.HpaChanged();
  harness.Rounds(3);
  CHECK(harness.cluster.writes == Strings{"ScaledToZero True"});
  harness.cluster.owns_zero = "False";  // As before Kubernetes 1.37.
  harness.HpaChanged();
  harness.Rounds(3);
  CHECK(harness.cluster.writes.size() == 1);
}

TEST_CASE("a pause at 0 is kept from the HPA") {
  Harness harness;
  harness.cluster.annotations += R"(,"zero.queue-metrics.dev/paused-at":"0")";
  harness.cluster.owns_zero = "True";
  harness.cluster.replicas = 4;
  harness.HpaChanged();
  harness.length = 9;
  harness.Round();
  harness.controller.OnHpa(harness.cluster.Hpa(), false);
  harness.Rounds(2);
  CHECK(harness.cluster.writes == Strings{"ScaledToZero False", "scale to 0"});
  CHECK(harness.readings == 0);
}

TEST_CASE("wrong annotations are told once, and the HPA is left alone until they are right") {
  Harness harness;
  const std::string right = harness.cluster.annotations;
  harness.cluster.annotations += R"(,"zero.queue-metrics.dev/paused":"perhaps")";
  harness.cluster.replicas = 0;
  harness.length = 5;
  harness.HpaChanged();
  harness.Rounds(3);
  CHECK(harness.cluster.writes.empty());
  REQUIRE(harness.cluster.events.size() == 1);
  CHECK_THAT(harness.cluster.events[0],
             ContainsText(R"(ZeroMisconfigured: Left alone: annotation zero.queue-metrics.dev/paused="perhaps")"));
  CHECK(harness.observer.summary.misconfigured == 1);
  harness.cluster.annotations = right;
  harness.HpaChanged();
  harness.Round();
  CHECK(harness.cluster.writes == Strings{"scale to 5"});
}

TEST_CASE("a failure is told, and tried again less and less often") {
  Harness harness;
  harness.cluster.replicas = 0;
  harness.HpaChanged();
  harness.length = 5;
  int puts = 0;
  harness.cluster.fault = [&](const ApiRequest& request) {
    if (request.method == "PUT") {
      ++puts;
      throw ApiError(ApiError::Kind::kFailed, "forbidden");
    }
  };
  harness.Rounds(30);
  CHECK(puts > 3);
  CHECK(puts < 10);
  CHECK(harness.cluster.events == Strings(static_cast<std::size_t>(puts), "FailedToWake: forbidden"));
  harness.cluster.fault = [](const ApiRequest&) {};
  harness.Rounds(11);
  CHECK(harness.cluster.writes == Strings{"scale to 5"});
}

TEST_CASE("a wake does not wait for what failed before there was a job") {
  Harness harness;
  harness.cluster.replicas = 0;
  harness.cluster.min_replicas = 0;
  harness.HpaChanged();
  harness.cluster.fault = [](const ApiRequest& request) {
    if (request.method == "PATCH") {
      throw ApiError(ApiError::Kind::kFailed, "forbidden");
    }
  };
  harness.Rounds(30);
  harness.length = 1;
  harness.Round();
  CHECK(harness.cluster.writes == Strings{"scale to 1"});
}

TEST_CASE("an HPA that is gone, or asks no more, is forgotten") {
  Harness harness;
  harness.cluster.replicas = 0;
  harness.HpaChanged();
  harness.length = 5;
  SECTION("gone") { harness.controller.OnHpa(harness.cluster.Hpa(), true); }
  SECTION("asks no more") {
    harness.cluster.annotations.clear();
    harness.HpaChanged();
  }
  SECTION("not in the list") { harness.List(false); }
  harness.Rounds(3);
  CHECK(harness.cluster.writes.empty());
  CHECK(harness.observer.summary.managed == 0);
}

TEST_CASE("who asks for spare-busy has its pods looked at once, and is left alone while nobody is about to go") {
  Harness harness;
  harness.cluster.annotations = R"("zero.queue-metrics.dev/actions":"spare-busy")";
  harness.cluster.replicas = 2;
  harness.cluster.pods = {{"w-a", ""}, {"w-b", "5"}};
  harness.HpaChanged();
  harness.length = 2;
  harness.Rounds(2);
  harness.cluster.requests = 0;
  harness.Rounds(10);
  CHECK(harness.cluster.requests == 0);
  CHECK(harness.cluster.pod_writes == 0);
}

TEST_CASE("before idle pods go, the busy ones are marked, and nobody else's marks are touched") {
  Harness harness;
  harness.cluster.annotations = R"("zero.queue-metrics.dev/actions":"spare-busy")";
  harness.cluster.replicas = 6;
  harness.cluster.pods = {{"w-a", ""}, {"w-b", "1000001"}, {"w-c", "1000001"}, {"w-d", "5"}, {"w-e", ""}, {"w-f", ""}};
  harness.holders.workers = Strings{"w-a-1f", "w-b-2e", "w-d-3d", "of another queue"};
  harness.HpaChanged();
  harness.length = 3;
  harness.Rounds(2);
  const std::map<std::string, std::string> marked{{"w-a", "1000001"}, {"w-b", "1000001"}, {"w-c", ""},
                                                  {"w-d", "5"},       {"w-e", ""},        {"w-f", ""}};
  CHECK(harness.cluster.pods == marked);
  harness.Rounds(3);
  CHECK(harness.cluster.pod_writes == 2);
  const auto has_no_marks = [&] {
    return harness.cluster.pods == std::map<std::string, std::string>{{"w-a", ""},  {"w-b", ""}, {"w-c", ""},
                                                                      {"w-d", "5"}, {"w-e", ""}, {"w-f", ""}};
  };

  SECTION("a doubt changes nothing and is told") {
    const std::string told = "FailedToSpareBusy: Cannot let idle pods go first: Redis is down";
    harness.holders = {.workers = {}, .doubt = "Redis is down"};
    harness.Round();
    CHECK(harness.cluster.events == Strings{told});
    harness.Rounds(29);
    CHECK(harness.cluster.pods == marked);
    // Less and less often.
    CHECK(harness.cluster.events.size() < 10);
    CHECK(harness.cluster.events == Strings(harness.cluster.events.size(), told));
    // A wake does not wait for it.
    harness.cluster.annotations = R"("zero.queue-metrics.dev/actions":"spare-busy,wake")";
    harness.cluster.replicas = 0;
    harness.HpaChanged();
    harness.Round();
    CHECK(harness.cluster.writes == Strings{"scale to 3"});
  }
  SECTION("a pod that is gone is no failure") {
    harness.cluster.pods.erase("w-b");
    harness.holders.workers->clear();
    harness.Round();
    CHECK(harness.cluster.events.empty());
    CHECK(harness.cluster.pods.at("w-a").empty());
  }
  SECTION("marks stay until the others are on their way out") {
    harness.cluster.replicas = 3;
    harness.HpaChanged();
    harness.Rounds(3);
    CHECK(harness.cluster.pods == marked);
    harness.cluster.leaving = {"w-c", "w-e"};
    harness.cluster.failed = {"w-f"};
    harness.Rounds(10);
    CHECK(harness.cluster.pods.at("w-a").empty());
    CHECK(harness.cluster.pods.at("w-b").empty());
    CHECK(harness.cluster.pod_writes == 4);
  }
  SECTION("our marks go with the action") {
    harness.cluster.annotations = R"("zero.queue-metrics.dev/actions":"wake")";
    harness.HpaChanged();
    harness.Rounds(2);
    CHECK(has_no_marks());
  }
  SECTION("our marks go, whatever failed before") {
    harness.holders = {.workers = {}, .doubt = "Redis is down"};
    harness.Rounds(120);
    harness.cluster.annotations += R"(,"zero.queue-metrics.dev/paused":"true")";
    harness.HpaChanged();
    harness.Rounds(15);
    CHECK(has_no_marks());
  }
  SECTION("our marks go when nothing may be done") {
    const auto setting = GENERATE(values<std::string>({R"("paused":"true")", R"("paused":"perhaps")"}));
    harness.cluster.annotations += ",\"zero.queue-metrics.dev/" + setting.substr(1);
    harness.HpaChanged();
    harness.Rounds(2);
    CHECK(has_no_marks());
  }
  SECTION("marks are kept right while it must not sleep") {
    harness.cluster.annotations += R"(,"zero.queue-metrics.dev/paused-at":"6")";
    harness.HpaChanged();
    harness.Rounds(2);
    CHECK(harness.cluster.pods == marked);
    harness.holders.workers->push_back("w-c");
    harness.Round();
    CHECK(harness.cluster.pods.at("w-c") == "1000001");
  }
  SECTION("our marks go with the HPA") {
    harness.controller.OnHpa(harness.cluster.Hpa(), true);
    harness.Rounds(2);
    CHECK(has_no_marks());
  }
  SECTION("marks that nobody asks for any more are tried to be removed, and not for ever") {
    harness.cluster.fault = [](const ApiRequest& request) {
      if (request.method == "PATCH") {
        throw ApiError(ApiError::Kind::kFailed, "forbidden");
      }
    };
    harness.controller.OnHpa(harness.cluster.Hpa(), true);
    harness.Rounds(200);
    CHECK(harness.cluster.events ==
          Strings(10, "FailedToSpareBusy: Cannot remove the costs of its target's pods: forbidden"));
  }
  SECTION("another HPA for the same target keeps the marks") {
    harness.controller.OnHpa(harness.cluster.Hpa(), true);
    harness.cluster.uid = "u2";
    harness.HpaChanged();
    harness.Rounds(3);
    CHECK(harness.cluster.pods == marked);
  }
  SECTION("another leader removes the marks that are not needed any more") {
    harness.leads = false;
    harness.Round();
    harness.leads = true;
    harness.length = 6;
    harness.Rounds(3);
    CHECK(has_no_marks());
  }
  SECTION("when all are needed again, our marks go") {
    harness.length = 6;
    harness.Rounds(2);
    CHECK(harness.cluster.pods.at("w-a").empty());
    CHECK(harness.cluster.pods.at("w-d") == "5");
    CHECK(harness.cluster.pod_writes == 4);
  }
}

/// Targets that want to be woken, or whose pods want to be marked, behind an API server of which parts can hang.
class Crowd {
 public:
  /// Whether a request is not answered before Release().
  std::function<bool(const ApiRequest&)> hangs = [](const ApiRequest&) { return false; };
  std::int64_t length = 0;

  explicit Crowd(std::chrono::milliseconds round) : round_(round) {}
  ~Crowd() { Release(); }

  /// `annotations` are further ones.
  void Add(const std::string& name, const std::string& actions, std::int32_t replicas,
           const std::string& annotations = "") {
    const std::string size = std::to_string(replicas);
    {
      const std::lock_guard lock(mutex_);
      replicas_[name] = replicas;
    }
    controller_.OnHpa(
        *Json::Parse(R"({"metadata":{"namespace":"ns","name":")" + name + R"(","uid":")" + name +
                     R"(","resourceVersion":"1","annotations":{"zero.queue-metrics.dev/actions":")" + actions + "\"" +
                     annotations +
                     R"(}},"spec":{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":")" + name +
                     R"("},"minReplicas":1,"maxReplicas":10,"metrics":[{"type":"External","external":{"metric":)" +
                     R"({"name":"redis_queue_length","selector":{"matchLabels":{"queue":")" + actions +
                     R"("}}},"target":{"type":"AverageValue","averageValue":"1"}}}]},"status":{"currentReplicas":)" +
                     size + R"(,"desiredReplicas":)" + size + R"(,"conditions":[{"type":"AbleToScale"}]}})"),
        false);
  }

  void Round() { controller_.Round({}); }
  void Release() {
    released_ = true;
    released_.notify_all();
  }
  std::int32_t Replicas(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    return replicas_.at(name);
  }
  bool Hang() const { return hang_; }

 private:
  ApiResponse Answer(const ApiRequest& request) {
    if (hangs(request)) {
      hang_ = true;
      released_.wait(false);
    }
    if (request.path == "/apis/apps/v1") {
      return {200, R"({"resources":[{"name":"deployments","kind":"Deployment"}]})", {}};
    }
    if (request.path.starts_with("/api/v1/namespaces/ns/pods")) {
      return {200, R"({"items":[{"metadata":{"name":"pod-1"}},{"metadata":{"name":"pod-2"}}]})", {}};
    }
    std::string name = request.path.substr(0, request.path.find("/scale"));
    name = name.substr(name.rfind('/') + 1);
    const std::lock_guard lock(mutex_);
    if (request.method == "PUT") {
      replicas_.at(name) = static_cast<std::int32_t>(*(*Json::Parse(request.body))["spec"]["replicas"].Int());
    }
    return {200,
            R"({"spec":{"replicas":)" + std::to_string(replicas_.at(name)) + R"(},"status":{"selector":"app=a"}})",
            {}};
  }

  const std::chrono::milliseconds round_;
  mutable std::mutex mutex_;
  std::map<std::string, std::int32_t> replicas_;  // Guarded by mutex_.
  std::atomic<bool> released_ = false;
  std::atomic<bool> hang_ = false;
  Silent observer_;
  ZeroController controller_{
      {.api = std::make_shared<test::FakeApi>([this](const ApiRequest& request) { return Answer(request); }),
       .read =
           [this](const std::vector<QueueQuery>& queries, TimePoint) {
             std::vector<QueueReading> readings;
             for (const QueueQuery& query : queries) {
               readings.push_back({query.selector.ToString() == "queue=wake" ? length : 1, ""});
             }
             return readings;
           },
       .read_holders =
           [](const QueueQuery&, TimePoint) {
             return HoldersReading{Strings{"pod-1"}, ""};
           },
       .leads_until = [] { return std::chrono::steady_clock::now() + seconds(60); },
       .add_event = [](const kube::ObjectReference&, const kube::EventText&) {},
       .our_metrics = {"redis_queue_length"},
       .round = round_},
      observer_};
};

TEST_CASE("a wake waits neither for pods that are being marked nor for targets that cannot be scaled") {
  Crowd crowd(std::chrono::milliseconds(10));
  std::string others;
  SECTION("pods") {
    others = "spare-busy";
    crowd.hangs = [](const ApiRequest& request) { return request.method == "PATCH"; };
  }
  SECTION("targets") {
    others = "wake";
    crowd.length = 1;
    crowd.hangs = [](const ApiRequest& request) {
      return request.method == "PUT" && request.path.find("/z/scale?") == std::string::npos;
    };
  }
  for (int i = 0; i < 7; ++i) {
    crowd.Add("a" + std::to_string(i), others, others == "wake" ? 0 : 2);
  }
  while (!crowd.Hang()) {
    crowd.Round();
  }
  crowd.Add("z", "wake", 0);
  crowd.length = 1;
  while (crowd.Replicas("z") == 0) {
    crowd.Round();
  }
  CHECK(crowd.Replicas("z") == 1);
}

TEST_CASE("a wake goes before what can wait") {
  Crowd crowd(std::chrono::hours(1));
  crowd.hangs = [&crowd](const ApiRequest& request) {
    if (request.path.find("/z/scale?") != std::string::npos) {
      crowd.Release();
    }
    return request.path.find("/deployments/a") != std::string::npos;
  };
  for (int i = 0; i < 40; ++i) {
    crowd.Add("a" + std::to_string(i), "spare-busy", 2, R"(,"zero.queue-metrics.dev/paused-at":"0")");
  }
  crowd.Add("z", "wake", 0);
  crowd.length = 1;
  crowd.Round();
  CHECK(crowd.Replicas("z") == 1);
}

/// What Redis says of one queue, unless it is down, late, or only remembered.
class Queues final : public metrics::MetricProvider {
 public:
  int waiting = 0;
  int busy = 0;
  /// Called for each reading.
  std::function<bool()> fails = [] { return false; };
  std::function<bool()> is_held = [] { return false; };

  /// From now on, a reading can be held from this moment.
  void Remember() { before_.push_back({Samples(waiting), Samples(waiting + busy)}); }

  void Get(metrics::MetricQuery query, metrics::MetricCallback callback) override {
    const std::size_t metric = query.metric == "redis_queue_waiting" ? 0 : 1;
    if (fails()) {
      return callback(metrics::MetricUnavailable{metrics::UnavailableKind::kConnection, "Redis is down"});
    }
    if (!query.TakesOnlyNew() && is_held() && !before_.empty()) {
      return callback(before_[before_.size() - 1 - std::min<std::size_t>(before_.size() - 1, 5)][metric]);
    }
    callback(Samples(metric == 0 ? waiting : waiting + busy));
  }
  void GetHolders(metrics::MetricQuery /*query*/, metrics::HoldersCallback callback) override {
    callback(metrics::MetricNotFound{"nobody notes it"});
  }
  std::vector<std::string> List() const override { return {"redis_queue_length", "redis_queue_waiting"}; }

 private:
  using Answer = std::vector<metrics::MetricSample>;

  static Answer Samples(int value) { return {{{}, value, std::chrono::system_clock::now()}}; }

  std::vector<std::array<Answer, 2>> before_;
};

/// Jobs come, workers take and finish them, an HPA sizes them, its owner changes it, and two servers look after it, of
/// which one should lead. Every call can fail, before or after it had its effect.
class World {
 public:
  explicit World(unsigned seed) : random_(seed), faults_(Between(0, 12)), arrivals_(Between(1, 8)) {
    static const std::array<Strings, 3> kMetrics{
        {{"redis_queue_length"}, {"redis_queue_waiting"}, {"redis_queue_waiting", "redis_queue_length"}}};
    cluster_.metrics = kMetrics[static_cast<std::size_t>(Between(0, 2))];
    cluster_.hpa_has_looked = Chance(80);
    ChangeHpa();
    cluster_.fault = [this](const ApiRequest& request) { Before(request); };
    cluster_.answered = [this](const ApiRequest&) { After(); };
    queues_.fails = [this] { return Chance(faults_); };
    queues_.is_held = [this] { return Chance(faults_ / 2); };
    servers_[0].leads = true;
    for (Server& server : servers_) {
      server.controller = MakeController(server);
      List(server);
    }
  }

  void Step() {
    queues_.Remember();
    queues_.waiting += Chance(arrivals_) ? 1 : 0;
    queues_.busy -= queues_.busy > 0 && Chance(20) ? 1 : 0;
    TakeJobs();
    if (Chance(20)) {
      RunHpa();
    }
    if (Chance(1)) {
      ChangeHpa();
    }
    for (Server& server : servers_) {
      Watch(server);
    }
    if (Chance(1)) {
      std::swap(servers_[0].leads, servers_[1].leads);
    }
    now_ += Chance(2) ? seconds(30) : seconds(1);
    const std::int32_t before = cluster_.replicas;
    for (Server& server : servers_) {
      // One that cannot renew its Lease, and one that does not know yet that another has it.
      const bool led = server.leads;
      server.leads = Chance(2) ? !led : led;
      acting_ = &server;
      server.controller->Round({});
      server.leads = led;
    }
    wakes += before == 0 && cluster_.replicas > 0 ? 1 : 0;
    sleeps += before > 0 && cluster_.replicas == 0 ? 1 : 0;
  }

  bool BusyAreThere() const { return busy_are_there_ && cluster_.replicas >= queues_.busy; }
  bool OnlyLeadersWrote() const { return only_leaders_wrote_; }
  bool WokenForJobs() const { return woken_for_jobs_; }
  bool AskedToSleep() const { return asked_to_sleep_; }

  int wakes = 0;
  int sleeps = 0;

 private:
  struct Server {
    Silent observer;
    bool leads = false;
    bool has_news = true;
    std::unique_ptr<ZeroController> controller;
  };

  int Between(int least, int most) { return std::uniform_int_distribution(least, most)(random_); }
  bool Chance(int percent) { return Between(0, 99) < percent; }

  std::unique_ptr<ZeroController> MakeController(Server& server) {
    return std::make_unique<ZeroController>(
        ZeroControllerOptions{
            .api = cluster_.Connect(),
            .read = ReadFrom(queues_),
            .read_holders = ReadHoldersFrom(queues_),
            .leads_until = [&server] { return std::chrono::steady_clock::now() + seconds(server.leads ? 60 : -1); },
            .add_event = [](const kube::ObjectReference&, const kube::EventText&) {},
            .our_metrics = queues_.List(),
            .round = std::chrono::hours(1),
            .clock = [this] { return now_; }},
        server.observer);
  }

  void SetReplicas(std::int32_t replicas) {
    cluster_.version += replicas == cluster_.replicas ? 0 : 1;
    cluster_.replicas = replicas;
  }

  void TakeJobs() {
    const int taken = std::max(0, std::min(queues_.waiting, cluster_.replicas - queues_.busy));
    queues_.waiting -= taken;
    queues_.busy += taken;
  }

  /// It counts the busy, too, whatever its metric.
  void RunHpa() {
    const std::int32_t jobs = std::min(queues_.waiting + queues_.busy, 10);
    if (cluster_.replicas == 0 && cluster_.owns_zero != "True") {
      return;
    }
    SetReplicas(std::max(jobs, cluster_.min_replicas));
    cluster_.owns_zero = cluster_.replicas == 0 ? "True" : "False";
    HpaHasChanged();
  }

  void ChangeHpa() {
    static const Strings kAsks{"wake,sleep,mend", "wake,sleep", "sleep", "wake"};
    cluster_.annotations = R"("zero.queue-metrics.dev/actions":")" + kAsks[static_cast<std::size_t>(Between(0, 3))] +
                           R"(","zero.queue-metrics.dev/cool-down":")" + std::to_string(Between(1, 10)) + "s\"" +
                           (Chance(5) ? R"(,"zero.queue-metrics.dev/paused":"true")" : "");
    cluster_.min_replicas = Chance(20) ? 0 : Between(1, 2);
    HpaHasChanged();
  }

  void HpaHasChanged() {
    ++cluster_.hpa_version;
    for (Server& server : servers_) {
      server.has_news = true;
    }
  }

  void List(Server& server) {
    server.controller->OnList();
    if (!Chance(3)) {  // It may have been deleted for a moment.
      server.controller->OnHpa(cluster_.Hpa(), false);
    }
    server.controller->OnListed();
  }

  /// What a server hears of the HPA may be late, or break off.
  void Watch(Server& server) {
    if (Chance(2)) {
      server.controller->OnWatchFailure("nobody there");
    } else if (Chance(10)) {
      List(server);
    } else if (server.has_news && Chance(70)) {
      server.has_news = false;
      server.controller->OnHpa(cluster_.Hpa(), false);
    }
  }

  void Before(const ApiRequest& request) {
    if (request.method != "GET") {
      only_leaders_wrote_ = only_leaders_wrote_ && acting_->leads;
    }
    if (request.method == "GET" && Chance(20)) {
      // While the scale is read, a job comes and is taken: the reading after it must tell.
      ++queues_.waiting;
      TakeJobs();
    }
    if (request.method == "GET" && Chance(5)) {
      acting_->leads = false;
    }
    if (request.method == "PUT" && cluster_.replicas == 0) {
      woken_for_jobs_ = woken_for_jobs_ && queues_.waiting > 0;
    } else if (request.method == "PUT") {
      asked_to_sleep_ = asked_to_sleep_ && cluster_.annotations.find("sleep") != std::string::npos &&
                        cluster_.annotations.find("paused") == std::string::npos && cluster_.min_replicas > 0;
    }
    if (request.method == "PUT" && Chance(20)) {
      // Somebody is faster, and jobs are taken.
      ++queues_.waiting;
      SetReplicas(std::min(cluster_.replicas + 1, 10));
      TakeJobs();
    }
    Fail();
  }

  void After() {
    busy_are_there_ = busy_are_there_ && cluster_.replicas >= queues_.busy;
    Fail();
  }

  void Fail() {
    if (Chance(faults_ / 2)) {
      throw ApiError(ApiError::Kind::kTimeout, "too late");
    }
  }

  std::mt19937 random_;
  int faults_;
  int arrivals_;
  bool busy_are_there_ = true;
  bool only_leaders_wrote_ = true;
  bool woken_for_jobs_ = true;
  bool asked_to_sleep_ = true;
  TimePoint now_{seconds(1000)};
  Cluster cluster_;
  Queues queues_;
  std::array<Server, 2> servers_;
  Server* acting_ = nullptr;
};

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int kWorlds = 60;  // Each takes ten times as long there.
#else
constexpr int kWorlds = 300;
#endif

TEST_CASE("whatever fails, no target goes below its busy workers or wakes without a job, and only a leader writes") {
  int wakes = 0;
  int sleeps = 0;
  for (unsigned seed = 0; seed < kWorlds; ++seed) {
    World world(seed);
    for (int step = 0; step < 1000; ++step) {
      world.Step();
      CAPTURE(seed, step);
      REQUIRE(world.BusyAreThere());
      REQUIRE(world.OnlyLeadersWrote());
      REQUIRE(world.WokenForJobs());
      REQUIRE(world.AskedToSleep());
    }
    wakes += world.wakes;
    sleeps += world.sleeps;
  }
  CHECK(wakes > 1000 * kWorlds / 300);
  CHECK(sleeps > 500 * kWorlds / 300);
}

}  // namespace
}  // namespace server::zero
