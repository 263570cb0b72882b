#include "server/zero/managed_hpa.h"

#include <utility>

#include "test/support/catch.h"

namespace server::zero {
namespace {

const std::vector<std::string> kOurs{"redis_queue_length", "redis_queue_waiting"};

/// An HPA with these annotations, and with `spec` and `status` beside what every HPA has.
std::optional<ManagedHpa> Parse(const std::string& annotations, const std::string& metrics,
                                const std::string& more_spec = "", const std::string& status = "{}") {
  const auto json = kube::Json::Parse(
      R"({"metadata":{"namespace":"ns","name":"executor","uid":"u1","resourceVersion":"7","annotations":{)" +
      annotations +
      R"(}},"spec":{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"worker"},"maxReplicas":10,)" +
      more_spec + R"("metrics":[)" + metrics + R"(]},"status":)" + status + "}");
  REQUIRE(json);
  return ParseManagedHpa(*json, kOurs);
}

std::string Annotation(std::string_view name, const std::string& value) {
  return "\"" + std::string(name) + "\":\"" + value + "\"";
}

std::string External(const std::string& name,
                     const std::string& target = R"({"type":"AverageValue","averageValue":"2"})",
                     const std::string& selector = R"({"matchLabels":{"queue":"jobs"}})") {
  return R"({"type":"External","external":{"metric":{"name":")" + name + R"(","selector":)" + selector +
         R"(},"target":)" + target + "}}";
}

const std::string kWake = Annotation(kActions, "wake");
const std::string kQueue = External("redis_queue_length");

TEST_CASE("an HPA that does not ask for help is none of our business") {
  CHECK_FALSE(Parse("", kQueue));
  CHECK_FALSE(Parse(Annotation(kPaused, "true"), kQueue));
}

TEST_CASE("an HPA is read as far as it concerns us") {
  const auto hpa = Parse(
      Annotation(kActions, "wake, sleep") + "," + Annotation(kCoolDown, "90s") + "," +
          Annotation(kActivationThreshold, "4") + "," + Annotation(kPaused, "false") + R"(,"other":"x")",
      External(
          "Redis_Queue_Length", R"({"type":"Value","value":"1500m"})",
          R"({"matchLabels":{"b":"2","a":"1"},"matchExpressions":[{"key":"queue","operator":"In","values":["y","x"]},)"
          R"({"key":"n","operator":"NotIn","values":["z"]},{"key":"e","operator":"Exists"},{"key":"d","operator":"DoesNotExist"}]})"),
      R"("minReplicas":2,)",
      R"({"currentReplicas":5,"desiredReplicas":3,"conditions":[{"type":"ScaledToZero","status":"True"}]})");
  REQUIRE(hpa);
  CHECK(hpa->problems.empty());
  CHECK(hpa->ns == "ns");
  CHECK(hpa->name == "executor");
  CHECK(hpa->uid == "u1");
  CHECK(hpa->resource_version == "7");
  CHECK(hpa->target == ScaleTarget{"apps/v1", "Deployment", "worker"});
  CHECK(hpa->min_replicas == 2);
  CHECK(hpa->max_replicas == 10);
  CHECK(hpa->replicas == 3);
  CHECK(hpa->owns_zero);
  CHECK(hpa->settings.wake);
  CHECK(hpa->settings.sleep);
  CHECK_FALSE(hpa->settings.mend);
  CHECK_FALSE(hpa->settings.paused);
  CHECK(hpa->settings.cool_down == std::chrono::seconds(90));
  CHECK(hpa->settings.activation_threshold == 4);
  REQUIRE(hpa->queues.size() == 1);
  CHECK(hpa->queues[0].metric == "redis_queue_length");
  CHECK(hpa->queues[0].selector.ToString() == "a=1,b=2,!d,e,n notin (z),queue in (x,y)");
  CHECK(hpa->queues[0].target_milli == 1500);
  CHECK_FALSE(hpa->queues[0].is_average);
  CHECK_FALSE(hpa->is_stuck);
}

TEST_CASE("an HPA says itself that it cannot scale") {
  const auto is_stuck = [](const std::string& status) {
    return Parse(kWake, kQueue, "", R"({"conditions":[{"type":"ScalingActive","status":")" + status + R"("}]})")
        ->is_stuck;
  };
  CHECK(is_stuck("False"));
  CHECK_FALSE(is_stuck("True"));
  CHECK(Parse(kWake, kQueue)->queues.at(0).is_average);
}

TEST_CASE("nobody knows the size of a target that the HPA has not looked at") {
  CHECK_FALSE(Parse(kWake, kQueue, "", R"({"desiredReplicas":0,"currentMetrics":null})")->replicas);
  CHECK(Parse(kWake, kQueue, "", R"({"desiredReplicas":0,"conditions":[{"type":"AbleToScale","status":"True"}]})")
            ->replicas == 0);
}

TEST_CASE("the first step from zero is what the behaviour allows") {
  const std::vector<std::pair<std::string, std::optional<std::int32_t>>> cases{
      {"", 4},
      {R"("behavior":{"scaleDown":{}},)", 4},
      {R"("behavior":{"scaleUp":{"policies":[{"type":"Pods","value":7}]}},)", 7},
      {R"("behavior":{"scaleUp":{"policies":[{"type":"Pods","value":7},{"type":"Percent","value":900}]}},)", 7},
      {R"("behavior":{"scaleUp":{"selectPolicy":"Max","policies":[{"type":"Pods","value":1},{"type":"Pods","value":3}]}},)",
       3},
      {R"("behavior":{"scaleUp":{"selectPolicy":"Min","policies":[{"type":"Pods","value":5},{"type":"Pods","value":3}]}},)",
       3},
      {R"("behavior":{"scaleUp":{"policies":[{"type":"Percent","value":900}]}},)", 0},
      {R"("behavior":{"scaleUp":{"selectPolicy":"Disabled"}},)", std::nullopt},
  };
  for (const auto& [behavior, step] : cases) {
    INFO(behavior);
    CHECK(Parse(kWake, kQueue, behavior)->first_step == step);
  }
}

TEST_CASE("every mistake is named, with what would be right") {
  const std::string sleep = Annotation(kActions, "wake,sleep");
  const std::vector<std::tuple<std::string, std::string, std::string>> cases{
      {Annotation(kActions, "wake,fly"), kQueue,
       R"(actions="wake,fly": must be one or more of wake, sleep, mend, spare-busy)"},
      {Annotation(kActions, ""), kQueue, R"(actions="": must be one or more of)"},
      {Annotation(kActions, "wake,"), kQueue, R"(actions="wake,": must be one or more of)"},
      {kWake + "," + Annotation(kCoolDown, "5"), kQueue,
       R"(cool-down="5": must be a duration from 1s to 24h, such as 5m)"},
      {kWake + "," + Annotation(kCoolDown, "0s"), kQueue, R"(cool-down="0s": must be a duration)"},
      {kWake + "," + Annotation(kCoolDown, "25h"), kQueue, R"(cool-down="25h": must be a duration)"},
      {kWake + "," + Annotation(kActivationThreshold, "-1"), kQueue,
       R"(activation-threshold="-1": must be a whole number)"},
      {kWake + "," + Annotation(kActivationThreshold, "1.5"), kQueue,
       R"(activation-threshold="1.5": must be a whole number)"},
      {kWake + "," + Annotation(kPaused, "yes"), kQueue, R"(paused="yes": must be true or false)"},
      {kWake + "," + Annotation(kPausedAt, "11"), kQueue,
       R"(paused-at="11": must be a whole number from 0 to maxReplicas, 10)"},
      {kWake + "," + Annotation("zero.queue-metrics.dev/cooldown", "5m"), kQueue,
       R"(cooldown="5m": is not known; there are actions, cool-down,)"},
      {kWake, External("other_metric"), "none of its metrics"},
      {kWake, "", "none of its metrics"},
      {kWake, External("redis_queue_length", R"({"type":"AverageValue","averageValue":"0"})"),
       R"(the target "0" of redis_queue_length)"},
      {kWake, External("redis_queue_length", R"({"type":"AverageValue"})"), R"(the target "" of redis_queue_length)"},
      {kWake, External("redis_queue_length", R"({"type":"Value","value":"1"})", R"({"matchLabels":{"a":"/"}})"),
       "the selector of a metric"},
      {sleep, kQueue + "," + External("other_metric"), "it cannot sleep"},
      {sleep, kQueue + R"(,{"type":"Object","object":{}})", "it cannot sleep"},
      {Annotation(kActions, "sleep"), kQueue, "it cannot sleep without the action wake"},
  };
  for (const auto& [annotations, metrics, problem] : cases) {
    const auto hpa = Parse(annotations, metrics);
    REQUIRE(hpa);
    INFO(problem);
    REQUIRE(hpa->problems.size() == 1);
    CHECK_THAT(hpa->problems[0], ContainsText(problem));
  }
}

TEST_CASE("settings that contradict each other are named") {
  const std::string sleep = Annotation(kActions, "wake,sleep");
  const std::vector<std::tuple<std::string, std::string, std::string>> cases{
      {sleep, R"("behavior":{"scaleUp":{"selectPolicy":"Disabled"}},)", "behavior.scaleUp.selectPolicy is Disabled"},
      {sleep, R"("behavior":{"scaleDown":{"selectPolicy":"Disabled"}},)",
       "behavior.scaleDown.selectPolicy is Disabled"},
      {kWake + "," + Annotation(kActivationThreshold, "1"), R"("minReplicas":0,)",
       "an activation-threshold above 0 needs a minReplicas"},
      {kWake + "," + Annotation(kPausedAt, "2"), R"("minReplicas":0,)", "paused-at above 0 needs a minReplicas"},
  };
  for (const auto& [annotations, spec, problem] : cases) {
    const auto hpa = Parse(annotations, kQueue, spec);
    REQUIRE(hpa);
    INFO(problem);
    REQUIRE(hpa->problems.size() == 1);
    CHECK_THAT(hpa->problems[0], ContainsText(problem));
  }
  CHECK(Parse(kWake + "," + Annotation(kPausedAt, "0"), kQueue, R"("minReplicas":0,)")->problems.empty());
}

TEST_CASE("an apiVersion that would lead elsewhere in a path is a mistake") {
  const auto problems = [](const std::string& api_version) {
    return ParseManagedHpa(*kube::Json::Parse(R"({"metadata":{"annotations":{)" + kWake +
                                              R"(}},"spec":{"scaleTargetRef":{"apiVersion":")" + api_version +
                                              R"("},"metrics":[)" + kQueue + "]}}"),
                           kOurs)
        ->problems;
  };
  for (const char* good : {"v1", "apps/v1", "apps/v1beta2", "argoproj.io/v1alpha1", "k8s-io.example/v2"}) {
    INFO(good);
    CHECK(problems(good).empty());
  }
  for (const char* bad :
       {"", "/", "apps/", "/v1", "../v1", "apps/v1/namespaces", "apps/v1?x", "apps/v1#", "apps%2Fv1", "Apps/v1",
        "apps/v1 HTTP/1.1\\r\\nHost: x\\r\\n\\r\\nPUT /apis", "apps/v1\\u0000", "apps/v1\\u00e9"}) {
    INFO(bad);
    const auto found = problems(bad);
    REQUIRE(found.size() == 1);
    CHECK_THAT(found[0], ContainsText("must be a group and a version, such as apps/v1"));
  }
}

TEST_CASE("busy pods cannot go last where pods go in order") {
  const auto problems = [](const std::string& api_version, const std::string& kind) {
    return ParseManagedHpa(*kube::Json::Parse(R"({"metadata":{"annotations":{)" + Annotation(kActions, "spare-busy") +
                                              R"(}},"spec":{"scaleTargetRef":{"apiVersion":")" + api_version +
                                              R"(","kind":")" + kind + R"("},"metrics":[)" + kQueue + "]}}"),
                           kOurs)
        ->problems;
  };
  CHECK(problems("apps/v1", "Deployment").empty());
  CHECK(problems("apps/v1", "ReplicaSet").empty());
  CHECK(problems("argoproj.io/v1alpha1", "Rollout").empty());
  const auto found = problems("apps/v1", "StatefulSet");
  REQUIRE(found.size() == 1);
  CHECK_THAT(found[0], ContainsText("spare-busy does nothing for a StatefulSet"));
}

TEST_CASE("what the pods themselves use does not keep them awake, and foreign metrics do not keep them asleep") {
  CHECK(Parse(Annotation(kActions, "wake,sleep"), kQueue + R"(,{"type":"Resource","resource":{"name":"cpu"}})")
            ->problems.empty());
  CHECK(Parse(kWake, kQueue + "," + External("other_metric"))->problems.empty());
}

}  // namespace
}  // namespace server::zero
