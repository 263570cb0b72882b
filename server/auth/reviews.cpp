#include "server/auth/reviews.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <random>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "metrics/label_selector.h"
#include "server/api/field_selector.h"
#include "server/api/list_options.h"
#include "server/wire/json_writer.h"

namespace server::auth {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using wire::JsonStyle;
using wire::JsonWriter;

void MemberIfSet(JsonWriter& json, std::string_view name, std::string_view value) {
  if (!value.empty()) {
    json.Member(name, value);
  }
}

void StringArray(JsonWriter& json, std::string_view name, const std::vector<std::string>& values) {
  json.Key(name);
  json.BeginArray();
  for (const std::string& value : values) {
    json.String(value);
  }
  json.EndArray();
}

struct Requirement {
  std::string key;
  std::string_view op;
  std::vector<std::string> values;
};

void WriteRequirements(JsonWriter& json, std::string_view name, const std::vector<Requirement>& requirements) {
  if (requirements.empty()) {
    return;
  }
  json.Key(name);
  json.BeginObject();
  json.Key("requirements");
  json.BeginArray();
  for (const Requirement& requirement : requirements) {
    json.BeginObject();
    json.Member("key", requirement.key);
    json.Member("operator", requirement.op);
    if (!requirement.values.empty()) {
      StringArray(json, "values", requirement.values);
    }
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
}

/// Empty for an operator that reviews do not know.
std::string_view ReviewOperator(metrics::LabelSelector::Operator op) {
  using Operator = metrics::LabelSelector::Operator;
  switch (op) {
    case Operator::kEquals:
    case Operator::kDoubleEquals:
    case Operator::kIn:
      return "In";
    case Operator::kNotEquals:
    case Operator::kNotIn:
      return "NotIn";
    case Operator::kExists:
      return "Exists";
    case Operator::kDoesNotExist:
      return "DoesNotExist";
    case Operator::kGreaterThan:
    case Operator::kLessThan:
      break;
  }
  return "";
}

// What cannot be parsed, or not be expressed, is left out: the question is then the broader one, about everything. The
// request itself fails later.

std::vector<Requirement> LabelRequirements(const http::Request& request) try {
  std::vector<Requirement> requirements;
  const auto selector = metrics::LabelSelector::Parse(request.QueryValue("labelSelector").value_or(""));
  for (const auto& requirement : selector.requirements()) {
    if (const auto op = ReviewOperator(requirement.op); !op.empty()) {
      requirements.push_back({requirement.key, op, requirement.values});
    }
  }
  return requirements;
} catch (const metrics::LabelSelectorError&) {
  return {};
}

std::vector<Requirement> FieldRequirements(const http::Request& request) try {
  std::vector<Requirement> requirements;
  for (auto& term : api::ParseFieldSelector(request.QueryValue("fieldSelector").value_or(""))) {
    requirements.push_back({std::move(term.field), term.equal ? "In" : "NotIn", {std::move(term.value)}});
  }
  return requirements;
} catch (const api::FieldSelectorError&) {
  return {};
}

void WriteAttributes(JsonWriter& json, const api::RequestInfo& info, const http::Request& request) {
  if (!info.is_resource_request) {
    json.Key("nonResourceAttributes");
    json.BeginObject();
    MemberIfSet(json, "path", info.path);
    MemberIfSet(json, "verb", info.verb);
    json.EndObject();
    return;
  }
  json.Key("resourceAttributes");
  json.BeginObject();
  MemberIfSet(json, "namespace", info.ns);
  MemberIfSet(json, "verb", info.verb);
  MemberIfSet(json, "group", info.group);
  MemberIfSet(json, "version", info.version);
  MemberIfSet(json, "resource", info.resource);
  MemberIfSet(json, "subresource", info.subresource);
  MemberIfSet(json, "name", info.name);
  // A verb that the path names goes without selectors.
  const bool verb_from_path = info.verb == "proxy" || (info.verb == "watch" && !api::IsWatch(request));
  if (!verb_from_path) {
    WriteRequirements(json, "fieldSelector", FieldRequirements(request));
    WriteRequirements(json, "labelSelector", LabelRequirements(request));
  }
  json.EndObject();
}

// client-go's back-off for webhooks: five attempts, the waits between them growing by half, up to a fifth more by
// chance.
constexpr std::chrono::seconds kReviewTimeout{10};
constexpr int kAttempts = 5;
constexpr milliseconds kFirstWait{500};

milliseconds Jittered(milliseconds wait) {
  static thread_local std::minstd_rand random{std::random_device{}()};
  return wait * std::uniform_int_distribution(100, 120)(random) / 100;
}

bool WorthAnotherAttempt(const kube::ApiResponse& response) {
  constexpr int kTooManyRequests = 429;
  constexpr int kInternalError = 500;
  constexpr int kTimeout = 504;
  if (response.status == kTooManyRequests || response.status == kTimeout || response.retry_after) {
    return true;
  }
  const auto status = response.status == kInternalError ? kube::Json::Parse(response.body) : std::nullopt;
  return status && (*status)["reason"].String() == "InternalError";
}

/// Why there is no answer, and whether and when it is worth asking again.
struct Setback {
  std::string cause;
  bool final;
  milliseconds wait;
};

std::variant<kube::Json, Setback> TryOnce(kube::Api& api, const kube::ApiRequest& request, kube::Deadline deadline) {
  try {
    const kube::ApiResponse response = api.Send(request, deadline, {});
    const auto answer = kube::Json::Parse(response.body);
    if ((response.status == 200 || response.status == 201) && answer && (*answer)["status"].IsObject()) {
      return (*answer)["status"];
    }
    return Setback{kube::FailureText(response), !WorthAnotherAttempt(response),
                   response.retry_after.value_or(std::chrono::seconds(0))};
  } catch (const kube::ApiError& error) {
    return Setback{error.what(), error.kind() != kube::ApiError::Kind::kLost, {}};
  }
}

}  // namespace

std::string TokenReview(std::string_view token) {
  std::string text;
  JsonWriter json(text, JsonStyle::kCompact);
  json.BeginObject();
  json.Member("kind", "TokenReview");
  json.Member("apiVersion", "authentication.k8s.io/v1");
  json.Key("spec");
  json.BeginObject();
  json.Member("token", token);
  json.EndObject();
  json.EndObject();
  return text;
}

std::string AccessReviewSpec(const UserInfo& user, const api::RequestInfo& info, const http::Request& request) {
  std::string text;
  JsonWriter json(text, JsonStyle::kCompact);
  json.BeginObject();
  WriteAttributes(json, info, request);
  MemberIfSet(json, "user", user.name);
  if (!user.groups.empty()) {
    StringArray(json, "groups", user.groups);
  }
  if (!user.extra.empty()) {
    json.Key("extra");
    json.BeginObject();
    for (const auto& [key, values] : user.extra) {
      StringArray(json, key, values);
    }
    json.EndObject();
  }
  MemberIfSet(json, "uid", user.uid);
  json.EndObject();
  return text;
}

std::string AccessReview(std::string_view spec) {
  return R"({"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1","metadata":{},"spec":)" +
         std::string(spec) + R"(,"status":{"allowed":false}})";
}

kube::Json PostReview(kube::Api& api, const std::string& path, std::string review) {
  const auto deadline = steady_clock::now() + kReviewTimeout;
  const kube::ApiRequest request{.method = "POST", .path = path, .body = std::move(review)};
  milliseconds wait = kFirstWait;
  for (int attempt = 1;; ++attempt) {
    auto result = TryOnce(api, request, deadline);
    if (auto* answer = std::get_if<kube::Json>(&result)) {
      return std::move(*answer);
    }
    const Setback& setback = std::get<Setback>(result);
    const auto next = steady_clock::now() + std::max(Jittered(wait), setback.wait);
    if (setback.final || attempt == kAttempts || next >= deadline) {
      throw ReviewError(setback.cause);
    }
    std::this_thread::sleep_until(next);
    wait += wait / 2;
  }
}

}  // namespace server::auth
