#include "server/auth/delegated_access.h"

#include <atomic>
#include <future>
#include <mutex>
#include <thread>

#include "server/http/presented_certificates.h"
#include "test/support/catch.h"
#include "test/support/certificates.h"
#include "test/support/eventually.h"
#include "test/support/fake_api.h"
#include "test/support/golden.h"
#include "test/support/http_request.h"
#include "test/support/wait_for_answer.h"

namespace server::auth {
namespace {

using kube::ApiError;
using kube::ApiRequest;
using kube::ApiResponse;
using test::Eventually;
using test::FakeApi;

const std::string kMetric = "/apis/external.metrics.k8s.io/v1beta1/namespaces/proto/some";

rapidjson::Document Parse(const std::string& text) {
  rapidjson::Document document;
  document.Parse(text.c_str());
  REQUIRE_FALSE(document.HasParseError());
  return document;
}

std::string JsonText(const std::string& text) {
  std::string json;
  for (const char c : text) {
    json += c == '\n' ? std::string("\\n") : c == '"' ? std::string("\\\"") : std::string(1, c);
  }
  return json;
}

/// The certificates that the fixtures were recorded with, by the same names.
class Pki {
 public:
  Pki() {
    const auto named = [](const std::string& name, std::vector<std::string> organizations = {}) {
      test::CertificateTraits traits;
      traits.common_name = name;
      traits.organizations = std::move(organizations);
      traits.key_usages_extended = "clientAuth";
      return traits;
    };
    auto no_usages = named("front-proxy-client");
    no_usages.key_usages_extended.clear();
    certificates_ = {{"front-proxy", front_proxy_ca.Issue(named("front-proxy-client"))},
                     {"fp-othercn", front_proxy_ca.Issue(named("other"))},
                     {"fp-noeku", front_proxy_ca.Issue(no_usages)},
                     {"selfsigned", test::SelfSigned(named("front-proxy-client"))},
                     {"jane", client_ca.Issue(named("jane", {"dev", "ops"}))},
                     {"ca-frontproxycn", client_ca.Issue(named("front-proxy-client"))},
                     {"admin", client_ca.Issue(named("admin", {"system:masters"}))}};
  }

  std::shared_ptr<const http::PresentedCertificates> Present(const std::string& name) const {
    return std::make_shared<const http::PresentedCertificates>(std::vector{certificates_.at(name).der});
  }

  ApiResponse ConfigMap() const { return ConfigMapTrusting(front_proxy_ca.certificate().pem); }

  ApiResponse ConfigMapTrusting(const std::string& front_proxy_pem) const {
    return {200, R"({"metadata":{"resourceVersion":"1"},"items":[{"data":)" + Data(front_proxy_pem) + "}]}", {}};
  }

  std::string Data(const std::string& front_proxy_pem) const {
    return R"({"client-ca-file":")" + JsonText(client_ca.certificate().pem) + R"(","requestheader-client-ca-file":")" +
           JsonText(front_proxy_pem) + R"(","requestheader-allowed-names":"[\"front-proxy-client\"]",)" +
           R"("requestheader-username-headers":"[\"X-Remote-User\"]",)" +
           R"("requestheader-group-headers":"[\"X-Remote-Group\"]",)" +
           R"("requestheader-extra-headers-prefix":"[\"X-Remote-Extra-\"]"})";
  }

  const test::Authority front_proxy_ca{"front-proxy-ca"};
  const test::Authority client_ca{"kubernetes"};

 private:
  std::map<std::string, test::Certificate> certificates_;
};

const Pki& ThePki() {
  static const Pki pki;
  return pki;
}

/// kube-apiserver with the roles of the cluster that the fixtures are from.
ApiResponse Cluster(const ApiRequest& request) {
  if (request.path.starts_with("/api/v1/")) {
    return ThePki().ConfigMap();
  }
  const auto review = Parse(request.body);
  if (request.path == "/apis/authentication.k8s.io/v1/tokenreviews") {
    return {
        201,
        std::string(R"({"status":)") +
            (test::Text(review["spec"]["token"]) == "good"
                 ? R"({"authenticated":true,"user":{"username":"system:serviceaccount:proto:default","uid":"31881a56-8d92-4999-a066-689e431be630","groups":["system:serviceaccounts","system:serviceaccounts:proto","system:authenticated"],"extra":{"authentication.kubernetes.io/credential-id":["JTI=8868c3d4-5fe0-4dda-a34b-23a030a53684"]}}})"
                 : R"({"user":{},"error":"invalid bearer token"})") +
            "}",
        {}};
  }
  REQUIRE(request.path == "/apis/authorization.k8s.io/v1/subjectaccessreviews?timeout=10s");
  const auto& spec = review["spec"];
  const bool version =
      spec.HasMember("nonResourceAttributes") && test::Text(spec["nonResourceAttributes"]["path"]) == "/version";
  const bool hpa = test::Text(spec, "user") == "system:serviceaccount:kube-system:horizontal-pod-autoscaler";
  return {
      201,
      version || hpa ? R"({"status":{"allowed":true,"reason":"RBAC: allowed"}})" : R"({"status":{"allowed":false}})",
      {}};
}

struct Harness {
  explicit Harness(FakeApi::Answer answer = Cluster, DelegatedAccessOptions options = {})
      : api(std::make_shared<FakeApi>(std::move(answer))), access(api, WithEvents(std::move(options))) {}

  DelegatedAccessOptions WithEvents(DelegatedAccessOptions options) {
    options.events = [this](const AccessEvent& event) {
      const std::lock_guard lock(mutex);
      events.emplace_back(event.kind, event.cause);
    };
    return options;
  }

  std::size_t Count(AccessEvent::Kind kind) const {
    const std::lock_guard lock(mutex);
    return static_cast<std::size_t>(
        std::count_if(events.begin(), events.end(), [&](const auto& event) { return event.first == kind; }));
  }

  bool Ready() const {
    return Eventually([&] { return !access.NotReady(); });
  }

  std::optional<Denial> Check(const http::Request& request) const { return test::VerdictOf(access, request).denial; }

  int Code(const http::Request& request) const {
    const auto denial = Check(request);
    return denial ? denial->code : 200;
  }

  mutable std::mutex mutex;
  std::vector<std::pair<AccessEvent::Kind, std::string>> events;
  std::shared_ptr<FakeApi> api;
  DelegatedAccess access;
};

http::Request FromProxy(const std::string& user, std::string_view target = kMetric,
                        const std::string& certificate = "front-proxy") {
  auto request = test::Get(target, {{"X-Remote-User", user}});
  request.presented_certificates = ThePki().Present(certificate);
  return request;
}

const std::string kHpa = "system:serviceaccount:kube-system:horizontal-pod-autoscaler";

http::Request RecordedRequest(const rapidjson::Value& recorded) {
  http::Headers headers;
  for (const auto& header : recorded["headers"].GetObject()) {
    const auto add = [&](const rapidjson::Value& value) {
      std::string text = test::Text(value);
      for (const auto& [placeholder, token] :
           {std::pair("(valid token of system:serviceaccount:proto:default)", "good"),
            std::pair("(token for another audience)", "bad")}) {
        if (const auto position = text.find(placeholder); position != std::string::npos) {
          text.replace(position, std::string_view(placeholder).size(), token);
        }
      }
      headers.emplace_back(test::Text(header.name), text);
    };
    if (header.value.IsArray()) {
      for (const auto& value : header.value.GetArray()) {
        add(value);
      }
    } else {
      add(header.value);
    }
  }
  auto request = test::MakeRequest(test::Text(recorded["method"]), test::Text(recorded["path"]), std::move(headers));
  if (recorded["client_cert"].IsString()) {
    request.presented_certificates = ThePki().Present(test::Text(recorded["client_cert"]));
  }
  return request;
}

TEST_CASE("everybody is answered as kube-apiserver's library answered them") {
  Harness harness;
  REQUIRE(harness.Ready());
  const auto golden = test::ReadGolden("auth_cases.json");
  for (const auto& recorded : golden.GetArray()) {
    const std::string description = test::Text(recorded["description"]);
    INFO(description);
    const auto denial = harness.Check(RecordedRequest(recorded["request"]));
    const auto& response = recorded["response"];
    CHECK((denial ? denial->code : 200) == response["status"].GetInt());
    const std::string body = test::Text(response, "body");
    // Who impersonates is refused here without asking whether he might.
    if (denial && !body.empty() && !description.starts_with("impersonation")) {
      CHECK(denial->message == test::Text(Parse(body)["message"]));
    }
  }
}

TEST_CASE("what is asked of kube-apiserver for them is what its library asked") {
  Harness harness;
  REQUIRE(harness.Ready());
  const auto cases = test::ReadGolden("auth_cases.json");
  for (const auto& recorded : cases.GetArray()) {
    harness.Check(RecordedRequest(recorded["request"]));
  }
  const auto reviews = test::ReadGolden("access_reviews.json");
  // A certificate is known by its digest there, and ours are new ones.
  const auto same_but_certificate = [](const rapidjson::Value& left, const rapidjson::Value& right) {
    const auto without = [](const rapidjson::Value& spec) {
      rapidjson::Document copy;
      copy.CopyFrom(spec, copy.GetAllocator());
      const auto extra = copy.FindMember("extra");
      if (extra != copy.MemberEnd() && extra->value.HasMember("authentication.kubernetes.io/credential-id")) {
        copy.RemoveMember("extra");
      }
      return copy;
    };
    return without(left) == without(right);
  };
  std::size_t asked = 0;
  for (const ApiRequest& request : harness.api->requests()) {
    if (request.method == "POST" && request.path.find("subjectaccessreviews") != std::string::npos) {
      ++asked;
      INFO(request.body);
      const auto sent = Parse(request.body);
      CHECK(std::any_of(reviews.Begin(), reviews.End(), [&](const rapidjson::Value& review) {
        return same_but_certificate(review["request"]["spec"], sent["spec"]);
      }));
    }
  }
  CHECK(asked > 15);
}

TEST_CASE("the HPA's account reads, another one is refused with a reason if there is one") {
  Harness harness([](const ApiRequest& request) -> ApiResponse {
    if (request.body.find("mallory") != std::string::npos) {
      return {201, R"({"status":{"allowed":true,"denied":true,"reason":"not you"}})", {}};
    }
    return Cluster(request);
  });
  REQUIRE(harness.Ready());
  CHECK(harness.Code(FromProxy(kHpa)) == 200);
  const auto denial = harness.Check(FromProxy("mallory"));
  REQUIRE(denial);
  CHECK(denial->code == 403);
  CHECK(denial->message ==
        "some.external.metrics.k8s.io is forbidden: User \"mallory\" cannot list resource \"some\" in API group "
        "\"external.metrics.k8s.io\" in the namespace \"proto\": not you");
}

TEST_CASE("answers are kept for ten seconds, whichever they are; a token is asked about once") {
  std::atomic<std::chrono::steady_clock::rep> now = 0;
  DelegatedAccessOptions options;
  options.clock = [&] { return std::chrono::steady_clock::time_point(std::chrono::steady_clock::duration(now)); };
  Harness harness(Cluster, std::move(options));
  REQUIRE(harness.Ready());
  const auto ask = [&] {
    harness.Code(FromProxy(kHpa));
    harness.Code(FromProxy("joe"));
    harness.Code(test::Get(kMetric, {{"Authorization", "Bearer good"}}));
    harness.Code(test::Get(kMetric, {{"Authorization", "Bearer bad"}}));
  };
  const auto reviews = [&] {  // A watch may begin at any time.
    const auto requests = harness.api->requests();
    return std::count_if(requests.begin(), requests.end(),
                         [](const auto& request) { return request.method == "POST"; });
  };
  ask();
  const auto before = reviews();
  ask();
  CHECK(reviews() == before);
  now += std::chrono::steady_clock::duration(std::chrono::seconds(10)).count();
  ask();
  CHECK(reviews() == before + 5);
}

TEST_CASE("while kube-apiserver cannot be asked, nobody is let in, and nothing of that is kept") {
  std::atomic<bool> up = true;
  Harness harness([&](const ApiRequest& request) -> ApiResponse {
    if (!up) {
      throw ApiError(ApiError::Kind::kFailed, "https://10.0.0.1:443: no answer in time");
    }
    return Cluster(request);
  });
  REQUIRE(harness.Ready());
  up = false;
  const auto denial = harness.Check(FromProxy(kHpa));
  REQUIRE(denial);
  CHECK(denial->code == 500);
  CHECK(denial->message == "Internal Server Error: \"" + kMetric + "\": https://10.0.0.1:443: no answer in time");
  CHECK(harness.Code(test::Get(kMetric, {{"Authorization", "Bearer good"}})) == 401);
  CHECK(harness.Count(AccessEvent::Kind::kReviewFailed) == 2);
  auto admin = test::Get(kMetric);
  admin.presented_certificates = ThePki().Present("admin");
  CHECK(harness.Code(admin) == 200);
  CHECK(harness.Code(test::Get("/livez")) == 200);
  CHECK_FALSE(harness.access.NotReady());
  up = true;
  CHECK(harness.Code(FromProxy(kHpa)) == 200);
  CHECK(harness.Code(test::Get(kMetric, {{"Authorization", "Bearer good"}})) == 403);
}

TEST_CASE("until there is a configuration, certificates and the headers behind them are refused") {
  std::atomic<bool> up = false;
  Harness harness([&](const ApiRequest& request) -> ApiResponse {
    if (!up && request.method == "GET") {
      return {403, R"({"message":"configmaps \"extension-apiserver-authentication\" is forbidden"})", {}};
    }
    return Cluster(request);
  });
  REQUIRE(Eventually([&] { return harness.Count(AccessEvent::Kind::kConfigUnreachable) > 0; }));
  CHECK(harness.access.NotReady() == "configmaps \"extension-apiserver-authentication\" is forbidden");
  CHECK(harness.Code(FromProxy(kHpa)) == 401);
  CHECK(harness.Code(test::Get("/readyz")) == 200);
  CHECK(harness.Code(test::Get(kMetric, {{"X-Remote-User", kHpa}})) == 403);
  up = true;
  REQUIRE(harness.Ready());
  CHECK(harness.Code(FromProxy(kHpa)) == 200);
}

TEST_CASE("a rotation of the CA is followed on connections that are open") {
  Harness harness;
  REQUIRE(harness.Ready());
  const auto request = FromProxy(kHpa);
  const test::Authority next_ca("front-proxy-ca");
  test::CertificateTraits traits;
  traits.common_name = "front-proxy-client";
  auto next = FromProxy(kHpa);
  next.presented_certificates =
      std::make_shared<const http::PresentedCertificates>(std::vector{next_ca.Issue(traits).der});
  CHECK(harness.Code(request) == 200);
  CHECK(harness.Code(next) == 401);
  const auto trust = [&](const std::string& pem) {
    const auto before = harness.Count(AccessEvent::Kind::kConfigured);
    harness.api->SendEvent(R"({"type":"MODIFIED","object":{"data":)" + ThePki().Data(pem) + "}}");
    REQUIRE(Eventually([&] { return harness.Count(AccessEvent::Kind::kConfigured) > before; }));
  };
  trust(ThePki().front_proxy_ca.certificate().pem + next_ca.certificate().pem);
  CHECK(harness.Code(request) == 200);
  CHECK(harness.Code(next) == 200);
  trust(next_ca.certificate().pem);
  CHECK(harness.Code(request) == 401);
  CHECK(harness.Code(next) == 200);

  harness.api->SendEvent(R"({"type":"MODIFIED","object":{"data":)" + ThePki().Data("garbage") + "}}");
  REQUIRE(Eventually([&] { return harness.Count(AccessEvent::Kind::kConfigUnusable) == 1; }));
  CHECK(harness.Code(next) == 200);
}

TEST_CASE("slow answers for strangers leave workers for everybody else") {
  std::atomic<int> asked = 0;
  std::atomic<bool> answer = false;
  DelegatedAccessOptions options;
  options.waiting = {.seats = 4, .seats_for_strangers = 2};
  Harness harness(
      [&](const ApiRequest& request) {
        if (request.path.ends_with("tokenreviews")) {
          ++asked;
          Eventually([&] { return answer.load(); });
        }
        return Cluster(request);
      },
      std::move(options));
  REQUIRE(harness.Ready());
  {
    std::vector<std::jthread> strangers;
    for (int i = 0; i < 2; ++i) {
      strangers.emplace_back([&, i] {
        harness.Code(test::Get(kMetric, {{"Authorization", "Bearer x" + std::to_string(i)}}));
      });
    }
    REQUIRE(Eventually([&] { return asked == 2; }));
    CHECK(harness.Code(test::Get(kMetric, {{"Authorization", "Bearer good"}})) == 401);
    CHECK(harness.Code(FromProxy(kHpa)) == 200);
    answer = true;
  }
  CHECK(harness.Code(test::Get(kMetric, {{"Authorization", "Bearer good"}})) == 403);
}

TEST_CASE("what needs no asking is decided at once, however slow kube-apiserver is") {
  std::atomic<bool> answer = true;
  DelegatedAccessOptions options;
  options.clock = [] { return std::chrono::steady_clock::time_point(); };  // Nothing known is forgotten.
  Harness harness(
      [&](const ApiRequest& request) {
        Eventually([&] { return answer.load(); });
        return Cluster(request);
      },
      std::move(options));
  REQUIRE(harness.Ready());
  CHECK(harness.Code(FromProxy(kHpa)) == 200);
  answer = false;
  const auto decided_in_call = [&](const http::Request& request) {
    bool decided = false;
    harness.access.Check(request, [&decided](const Verdict&) { decided = true; });
    return decided;
  };
  auto admin = test::Get(kMetric);
  admin.presented_certificates = ThePki().Present("admin");
  CHECK(decided_in_call(admin));
  CHECK(decided_in_call(FromProxy(kHpa)));  // Known from before.
  CHECK(decided_in_call(FromProxy(kHpa, kMetric, "selfsigned")));
  CHECK(decided_in_call(test::Get("/livez")));

  std::promise<Verdict> late;
  const auto stranger = test::Get(kMetric, {{"Authorization", "Bearer good"}});
  harness.access.Check(stranger, [&late](Verdict verdict) { late.set_value(std::move(verdict)); });
  auto arrival = late.get_future();
  CHECK(arrival.wait_for(std::chrono::milliseconds(20)) == std::future_status::timeout);
  answer = true;
  CHECK(arrival.get().denial->code == 403);
}

TEST_CASE("a verdict says who asked, by what proof, and why") {
  struct Line {
    std::string user;
    Proof proof;
    int code;
    std::string reason;
    bool operator==(const Line&) const = default;
  };
  Harness harness;
  REQUIRE(harness.Ready());
  const auto line = [&](const http::Request& request) {
    const Verdict verdict = test::VerdictOf(harness.access, request);
    return Line{verdict.user, verdict.proof, verdict.denial ? verdict.denial->code : 200, verdict.reason};
  };
  CHECK(line(FromProxy(kHpa)) == Line{kHpa, Proof::kFrontProxy, 200, "RBAC: allowed"});
  CHECK(line(FromProxy(kHpa)) == Line{kHpa, Proof::kFrontProxy, 200, "RBAC: allowed"});  // From the cache.
  CHECK(line(FromProxy("joe", "/metrics")) == Line{"joe", Proof::kFrontProxy, 403, ""});
  CHECK(line(FromProxy("joe", kMetric, "selfsigned")) == Line{"", Proof::kNone, 401, ""});
}

}  // namespace
}  // namespace server::auth
