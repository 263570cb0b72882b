#include "server/auth/reviews.h"

#include <chrono>

#include "test/support/catch.h"
#include "test/support/fake_api.h"
#include "test/support/golden.h"
#include "test/support/http_request.h"

namespace server::auth {
namespace {

using kube::ApiError;
using kube::ApiRequest;
using kube::ApiResponse;

rapidjson::Document Parse(const std::string& text) {
  rapidjson::Document document;
  document.Parse(text.c_str());
  REQUIRE_FALSE(document.HasParseError());
  return document;
}

std::string SpecOf(const UserInfo& user, const http::Request& request) {
  return AccessReviewSpec(user, api::ParseRequestInfo(request), request);
}

const UserInfo kJoe{.name = "joe", .uid = {}, .groups = {"system:authenticated"}, .extra = {}};

/// kube-apiserver's library sent this spec, too.
bool IsGolden(const std::string& spec) {
  const auto sent = Parse(spec);
  const auto golden = test::ReadGolden("access_reviews.json");
  for (const auto& review : golden.GetArray()) {
    if (review["request"]["spec"] == sent) {
      return true;
    }
  }
  return false;
}

TEST_CASE("reviews are those that kube-apiserver's library sends") {
  const UserInfo hpa{
      .name = "system:serviceaccount:kube-system:horizontal-pod-autoscaler",
      .uid = {},
      .groups = {"system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"},
      .extra = {{"authentication.kubernetes.io/credential-id", {"JTI=d0a38c14-a2be-46e0-8eb3-370083daf521"}}}};
  const UserInfo robot{
      .name = "system:serviceaccount:proto:default",
      .uid = "31881a56-8d92-4999-a066-689e431be630",
      .groups = {"system:serviceaccounts", "system:serviceaccounts:proto", "system:authenticated"},
      .extra = {{"authentication.kubernetes.io/credential-id", {"JTI=8868c3d4-5fe0-4dda-a34b-23a030a53684"}}}};
  UserInfo odd = kJoe;
  odd.name = "a<b>&\"c\"";
  const std::string metric = "/apis/external.metrics.k8s.io/v1beta1/namespaces/proto/some";
  struct Case {
    UserInfo user;
    http::Request request;
  };
  const Case cases[] = {
      {hpa,
       test::Get(
           "/apis/external.metrics.k8s.io/v1beta1/namespaces/proto/multi?labelSelector=app.kubernetes.io%2Fname%3Dw"
           "%2Caz+in+%28u%2Cx%29%2Cenv+notin+%28dev%29%2C%21gone%2Cqueue%3Da%2Cteam")},
      {robot, test::Get(metric)},
      {odd, test::Get(metric)},
      {kJoe, test::Get("/metrics")},
      {kJoe, test::Get("/apis/external.metrics.k8s.io/v1beta1")},
      {kJoe, test::Get(metric + "?labelSelector=x%3D%3D%3D")},
      {kJoe, test::Get(metric + "?fieldSelector=metadata.name%3Dfoo")},
      {kJoe, test::Get(metric + "?watch=true")},
      {kJoe, test::Get("/apis/external.metrics.k8s.io/v1beta1/watch/namespaces/proto/some?labelSelector=a%3Db")},
      {kJoe, test::Get(metric + "/foo")},
      {kJoe, test::Get("/apis/external.metrics.k8s.io/v1beta1/namespaces/proto/status")},
      {kJoe, test::Get("/apis/external.metrics.k8s.io/v1beta1/some")},
      {kJoe, test::MakeRequest("POST", metric)},
      {kJoe, test::MakeRequest("DELETE", metric)},
      {kJoe, test::MakeRequest("HEAD", metric)},
  };
  for (const Case& c : cases) {
    const auto spec = SpecOf(c.user, c.request);
    INFO(spec);
    CHECK(IsGolden(spec));
  }
}

TEST_CASE("operators that a review does not know are left out of it") {
  const auto spec =
      SpecOf(kJoe, test::Get("/apis/g/v/namespaces/n/r?labelSelector=a%3E5,b,c!%3Dd&fieldSelector=x!%3Dy"));
  CHECK_THAT(spec, ContainsText(R"("fieldSelector":{"requirements":[{"key":"x","operator":"NotIn","values":["y"]}]})"));
  CHECK_THAT(spec, ContainsText(R"("labelSelector":{"requirements":[{"key":"b","operator":"Exists"},)"
                                R"({"key":"c","operator":"NotIn","values":["d"]}]})"));
}

TEST_CASE("a review says what it is") {
  CHECK(AccessReview(R"({"user":"joe"})") ==
        R"({"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1","metadata":{},"spec":{"user":"joe"},)"
        R"("status":{"allowed":false}})");
  CHECK(TokenReview("a\"b") ==
        R"({"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","spec":{"token":"a\"b"}})");
}

TEST_CASE("a review is posted, and its status comes back") {
  test::FakeApi api([](const ApiRequest&) { return ApiResponse{201, R"({"status":{"allowed":true}})", {}}; });
  CHECK(PostReview(api, "/path", "{}")["allowed"].Bool());
  const auto requests = api.requests();
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].method == "POST");
  CHECK(requests[0].path == "/path");
  CHECK(requests[0].body == "{}");
}

TEST_CASE("only what may be better the next time is tried again") {
  struct Case {
    const char* what;
    test::FakeApi::Answer answer;
    bool again;
  };
  const auto respond = [](ApiResponse response) { return [response](const ApiRequest&) { return response; }; };
  const auto fail = [](ApiError::Kind kind) {
    return [kind](const ApiRequest&) -> ApiResponse { throw ApiError(kind, "cause"); };
  };
  const Case cases[] = {
      {"a lost connection", fail(ApiError::Kind::kLost), true},
      {"nobody there", fail(ApiError::Kind::kFailed), false},
      {"no time left", fail(ApiError::Kind::kTimeout), false},
      {"an internal error", respond({500, R"({"reason":"InternalError","message":"cause"})", {}}), true},
      {"another 500", respond({500, R"({"message":"cause"})", {}}), false},
      {"a timeout of the server's", respond({504, R"({"message":"cause"})", {}}), true},
      {"too many requests", respond({429, R"({"message":"cause"})", {}}), true},
      {"a wish to come later", respond({503, R"({"message":"cause"})", std::chrono::seconds(0)}), true},
      {"a wish to come much later", respond({503, R"({"message":"cause"})", std::chrono::seconds(60)}), false},
      {"no right to ask", respond({403, R"({"message":"cause"})", {}}), false},
      {"a 201 that is no review", respond({201, R"({"message":"cause"})", {}}), false},
  };
  for (const Case& c : cases) {
    INFO(c.what);
    int calls = 0;
    test::FakeApi api([&](const ApiRequest& request) {
      return ++calls == 1 ? c.answer(request) : ApiResponse{201, R"({"status":{}})", {}};
    });
    if (c.again) {
      CHECK_NOTHROW(PostReview(api, "/", "{}"));
    } else {
      CHECK_THROWS_WITH(PostReview(api, "/", "{}"), "cause");
    }
    CHECK(calls == (c.again ? 2 : 1));
  }
}

TEST_CASE("an answer that is no JSON is told by its status") {
  test::FakeApi api([](const ApiRequest&) { return ApiResponse{502, "<html>", {}}; });
  CHECK_THROWS_WITH(PostReview(api, "/", "{}"), "kube-apiserver answered 502");
}

}  // namespace
}  // namespace server::auth
