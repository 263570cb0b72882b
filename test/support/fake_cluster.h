// The two objects of a self-managed certificate, in memory, with kube-apiserver's rules about writing to them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "server/kube/api.h"
#include "server/kube/base64.h"
#include "test/support/fake_api.h"

namespace test {

/// Safe to use from several threads at once.
class FakeCluster {
 public:
  using ApiRequest = server::kube::ApiRequest;
  using ApiResponse = server::kube::ApiResponse;

  FakeCluster() : api_(std::make_shared<FakeApi>([this](const ApiRequest& request) { return Answer(request); })) {}
  FakeCluster(const FakeCluster&) = delete;
  FakeCluster& operator=(const FakeCluster&) = delete;

  const std::shared_ptr<FakeApi>& api() const { return api_; }

  /// Called before each request is answered; may change the cluster, or throw ApiError.
  void BeforeAnswer(std::function<void(const ApiRequest&)> hook) {
    const std::lock_guard lock(mutex_);
    hook_ = std::move(hook);
  }

  std::string Secret(const std::string& key) const { return Read(secret_, key); }
  void SetSecret(const std::string& key, const std::string& value) { Write(secret_, key, value); }
  std::string CaBundle() const { return Read(api_service_, "caBundle"); }
  void SetCaBundle(const std::string& value) { Write(api_service_, "caBundle", value); }

  int secret_writes() const { return WritesOf(secret_); }
  int api_service_writes() const { return WritesOf(api_service_); }

 private:
  struct Object {
    std::string path;
    std::string member;  // The one that holds `fields`.
    std::map<std::string, std::string> fields{};
    int version = 1;
    int writes = 0;  // Through the API.
  };

  ApiResponse Answer(const ApiRequest& request) {
    std::function<void(const ApiRequest&)> hook;
    {
      const std::lock_guard lock(mutex_);
      hook = hook_;
    }
    if (hook) {
      hook(request);
    }
    const std::lock_guard lock(mutex_);
    for (Object* object : {&secret_, &api_service_}) {
      if (request.path == object->path) {
        return request.method == "GET" ? Show(*object) : Patch(*object, request);
      }
    }
    return {404, R"({"kind":"Status","message":"not found"})", {}};
  }

  static ApiResponse Show(const Object& object) {
    std::string fields;
    for (const auto& [key, value] : object.fields) {
      fields += (fields.empty() ? "\"" : ",\"") + key + "\":\"" + server::kube::EncodeBase64(value) + "\"";
    }
    return {200,
            R"({"metadata":{"resourceVersion":")" + std::to_string(object.version) + "\"},\"" + object.member + "\":{" +
                fields + "}}",
            {}};
  }

  static ApiResponse Patch(Object& object, const ApiRequest& request) {
    const auto patch = server::kube::Json::Parse(request.body);
    if (request.method != "PATCH" || request.content_type != "application/merge-patch+json" || !patch) {
      return {400, "", {}};
    }
    if ((*patch)["metadata"]["resourceVersion"].String() != std::to_string(object.version)) {
      return {409, R"({"kind":"Status","message":"the object has been modified"})", {}};
    }
    for (const auto& [key, value] : (*patch)[object.member].Members()) {
      object.fields[key] = server::kube::DecodeBase64(value.String()).value_or("not base64");
    }
    ++object.version;
    ++object.writes;
    return Show(object);
  }

  std::string Read(const Object& object, const std::string& key) const {
    const std::lock_guard lock(mutex_);
    const auto found = object.fields.find(key);
    return found == object.fields.end() ? std::string() : found->second;
  }

  void Write(Object& object, const std::string& key, const std::string& value) {
    const std::lock_guard lock(mutex_);
    object.fields[key] = value;
    ++object.version;
  }

  int WritesOf(const Object& object) const {
    const std::lock_guard lock(mutex_);
    return object.writes;
  }

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::function<void(const ApiRequest&)> hook_;
  Object secret_{"/api/v1/namespaces/queue-metrics/secrets/serving", "data"};
  Object api_service_{"/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.external.metrics.k8s.io", "spec"};

  std::shared_ptr<FakeApi> api_;
};

}  // namespace test
