#include "server/zero/target_client.h"

#include <algorithm>
#include <chrono>

#include "server/wire/json_writer.h"
#include "server/wire/timestamp.h"

namespace server::zero {
namespace {

using kube::ApiError;
using kube::ApiResponse;
using kube::Escaped;
using kube::Json;
using wire::JsonStyle;
using wire::JsonWriter;

std::string TimeLimit(kube::Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return "?timeout=" + std::to_string(std::max(left.count(), decltype(left)::rep{1})) + "ms";
}

/// The kind, not the object, which an answer that lacks nothing else names.
bool IsServedNoMore(const ApiResponse& response) {
  if (response.status != kube::kNotFound) {
    return false;
  }
  const auto status = Json::Parse(response.body);
  return !status || (*status)["details"]["name"].String().empty();
}

bool Written(const ApiResponse& response) {
  if (response.status == kube::kConflict) {
    return false;
  }
  kube::ObjectIn(response);
  return true;
}

std::pair<std::string, std::string> KeyOf(const ScaleTarget& target) { return {target.api_version, target.kind}; }

std::string PathOf(const ManagedHpa& hpa) {
  return "/apis/autoscaling/v2/namespaces/" + Escaped(hpa.ns) + "/horizontalpodautoscalers/" + Escaped(hpa.name);
}

}  // namespace

TargetClient::TargetClient(std::shared_ptr<kube::Api> api) : api_(std::move(api)) {}

Scale TargetClient::ReadScale(const ManagedHpa& hpa, const std::stop_token& stop) {
  const ApiResponse response = api_->Send({.method = "GET", .path = ScalePath(hpa, stop), .body = {}}, Soon(), stop);
  if (IsServedNoMore(response)) {
    const std::lock_guard lock(mutex_);
    resources_.erase(KeyOf(hpa.target));
  }
  const Json scale = kube::ObjectIn(response);
  const std::int64_t replicas = scale["spec"]["replicas"].Int().value_or(0);  // Left out while it is 0.
  return {.replicas = static_cast<std::int32_t>(replicas),
          .resource_version = scale["metadata"]["resourceVersion"].String(),
          .pod_selector = scale["status"]["selector"].String()};
}

bool TargetClient::WriteScale(const ManagedHpa& hpa, const Scale& found, std::int32_t replicas, kube::Deadline deadline,
                              const std::stop_token& stop) {
  std::string path = ScalePath(hpa, stop);
  path += TimeLimit(deadline);  // What is left then.
  std::string body;
  JsonWriter json(body, JsonStyle::kCompact);
  json.BeginObject();
  json.Member("kind", "Scale");
  json.Member("apiVersion", "autoscaling/v1");
  json.Key("metadata");
  json.BeginObject();
  json.Member("name", hpa.target.name);
  json.Member("namespace", hpa.ns);
  json.Member("resourceVersion", found.resource_version);
  json.EndObject();
  json.Key("spec");
  json.BeginObject();
  json.Key("replicas");
  json.Int(replicas);
  json.EndObject();
  json.EndObject();
  return Written(api_->Send({.method = "PUT", .path = path, .body = std::move(body)}, deadline, stop));
}

bool TargetClient::IsUnchanged(const ManagedHpa& hpa, const std::stop_token& stop) {
  const ApiResponse response = api_->Send({.method = "GET", .path = PathOf(hpa), .body = {}}, Soon(), stop);
  return response.status != kube::kNotFound &&
         kube::ObjectIn(response)["metadata"]["resourceVersion"].String() == hpa.resource_version;
}

bool TargetClient::WriteOwnership(const ManagedHpa& hpa, bool owns_zero, const std::stop_token& stop) {
  std::string body;
  JsonWriter json(body, JsonStyle::kCompact);
  json.BeginObject();
  json.Key("metadata");
  json.BeginObject();
  json.Member("uid", hpa.uid);
  json.Member("resourceVersion", hpa.resource_version);
  json.EndObject();
  json.Key("status");
  json.BeginObject();
  json.Key("conditions");
  json.BeginArray();
  json.BeginObject();
  json.Member("type", "ScaledToZero");
  json.Member("status", owns_zero ? "True" : "False");
  json.Member("lastTransitionTime", wire::MicroTime(std::chrono::system_clock::now()));
  json.Member("reason", owns_zero ? "HandedToHPA" : "TakenFromHPA");
  json.Member("message", owns_zero ? "queue-metrics-server found the target at 0 and lets the HPA wake it"
                                   : "queue-metrics-server keeps the target at 0");
  json.EndObject();
  json.EndArray();
  json.EndObject();
  json.EndObject();
  const kube::Deadline deadline = Soon();
  return Written(api_->Send({.method = "PATCH",
                             .path = PathOf(hpa) + "/status" + TimeLimit(deadline),
                             .body = std::move(body),
                             .content_type = "application/strategic-merge-patch+json"},
                            deadline, stop));
}

std::string TargetClient::ScalePath(const ManagedHpa& hpa, const std::stop_token& stop) {
  const std::pair key = KeyOf(hpa.target);
  const auto path = [&](const Resource& resource) {
    return resource.root + "/namespaces/" + Escaped(hpa.ns) + "/" + Escaped(resource.name) + "/" +
           Escaped(hpa.target.name) + "/scale";
  };
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = resources_.find(key); known != resources_.end()) {
      return path(known->second);
    }
  }
  const auto get = [&](const std::string& url) {
    return api_->Send({.method = "GET", .path = url, .body = {}}, Soon(), stop);
  };
  const auto slash = hpa.target.api_version.find('/');
  const bool has_group = slash != std::string::npos;
  std::string root = (has_group ? "/apis/" : "/api/") + hpa.target.api_version;
  ApiResponse response = get(root);
  if (response.status == kube::kNotFound && has_group) {
    // To the HPA any version of the group is as good, one that is not served any more as well.
    const std::string group = "/apis/" + hpa.target.api_version.substr(0, slash);
    root = group + "/" + Escaped(kube::ObjectIn(get(group))["preferredVersion"]["version"].String());
    response = get(root);
  }
  const Json list = kube::ObjectIn(response);
  for (const Json& resource : list["resources"].Elements()) {
    const std::string name = resource["name"].String();
    // Subresources are listed with the kind of what they exchange.
    if (resource["kind"].String() == hpa.target.kind && name.find('/') == std::string::npos) {
      const std::lock_guard lock(mutex_);
      return path(resources_[key] = {root, name});
    }
  }
  throw ApiError(ApiError::Kind::kFailed, hpa.target.api_version + " has no kind " + hpa.target.kind);
}

}  // namespace server::zero
