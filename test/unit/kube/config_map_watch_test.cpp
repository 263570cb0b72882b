#include "server/kube/config_map_watch.h"

#include <mutex>

#include "test/support/catch.h"
#include "test/support/eventually.h"
#include "test/support/fake_api.h"

namespace server::kube {
namespace {

using test::Eventually;
using test::FakeApi;

ApiResponse Map(const std::string& value, const std::string& version) {
  return {200,
          R"({"kind":"ConfigMap","metadata":{"resourceVersion":")" + version + R"("},"data":{"key":")" + value + "\"}}",
          {}};
}

std::string Event(const std::string& type, const std::string& value) {
  return R"({"type":")" + type + R"(","object":{"data":{"key":")" + value + "\"}}}";
}

/// Remembers what it was told.
class Log {
 public:
  ConfigMapWatch::Listener Listen() {
    return {.on_data = [this](const ConfigMapData& data) { Add(data.contains("key") ? data.at("key") : "no key"); },
            .on_failure = [this](std::string_view cause) { Add("failed: " + std::string(cause)); }};
  }
  bool Has(std::size_t count) const {
    const std::lock_guard lock(mutex_);
    return entries_.size() >= count;
  }
  std::vector<std::string> entries() const {
    const std::lock_guard lock(mutex_);
    return entries_;
  }

 private:
  void Add(std::string entry) {
    const std::lock_guard lock(mutex_);
    entries_.push_back(std::move(entry));
  }
  mutable std::mutex mutex_;
  std::vector<std::string> entries_;
};

const ConfigMapKey kKey{"kube-system", "extension-apiserver-authentication"};

TEST_CASE("a ConfigMap is read, and then watched from the version that was read") {
  const auto api = std::make_shared<FakeApi>([](const ApiRequest&) { return Map("one", "7"); });
  Log log;
  const ConfigMapWatch watch(api, kKey, log.Listen());
  api->SendEvent(Event("MODIFIED", "two"));
  api->SendEvent(Event("ADDED", "three"));
  REQUIRE(Eventually([&] { return log.Has(3); }));
  CHECK(log.entries() == std::vector<std::string>{"one", "two", "three"});
  const auto requests = api->requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].path == "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication");
  CHECK(requests[1].path ==
        "/api/v1/namespaces/kube-system/configmaps?watch=true&fieldSelector=metadata.name%3Dextension-apiserver-"
        "authentication&resourceVersion=7&timeoutSeconds=60");
}

TEST_CASE("whatever ends a watch, the next one begins with a read") {
  const auto api = std::make_shared<FakeApi>([](const ApiRequest&) { return Map("read", "1"); });
  Log log;
  const ConfigMapWatch watch(api, kKey, log.Listen());
  const auto end = GENERATE(as<std::string>{}, "", "not JSON", R"({"type":"ERROR","object":{"code":410}})",
                            R"({"type":"DELETED","object":{}})");
  if (end.empty()) {
    api->EndWatch();
  } else {
    api->SendEvent(end);
  }
  REQUIRE(Eventually([&] { return log.Has(2); }));
  api->SendEvent(Event("MODIFIED", "later"));
  REQUIRE(Eventually([&] { return log.Has(3); }));
  CHECK(log.entries() == std::vector<std::string>{"read", "read", "later"});
}

TEST_CASE("a failure is told, and does not end the attempts") {
  const auto api = std::make_shared<FakeApi>(
      [](const ApiRequest&) -> ApiResponse { throw ApiError(ApiError::Kind::kFailed, "nobody there"); });
  Log log;
  const ConfigMapWatch watch(api, kKey, log.Listen());
  REQUIRE(Eventually([&] { return log.Has(1); }));
  api->SetAnswer([](const ApiRequest&) { return ApiResponse{403, R"({"message":"forbidden"})", {}}; });
  REQUIRE(Eventually([&] { return log.Has(2); }));
  api->SetAnswer([](const ApiRequest&) { return Map("there", "1"); });
  REQUIRE(Eventually([&] { return log.Has(3); }));
  CHECK(log.entries() == std::vector<std::string>{"failed: nobody there", "failed: forbidden", "there"});
}

TEST_CASE("a watch ends at once, also while it waits for its next attempt") {
  const auto api = std::make_shared<FakeApi>(
      [](const ApiRequest&) -> ApiResponse { throw ApiError(ApiError::Kind::kFailed, "nobody there"); });
  Log log;
  const auto begin = std::chrono::steady_clock::now();
  {
    const ConfigMapWatch watch(api, kKey, log.Listen());
    REQUIRE(Eventually([&] { return log.Has(1); }));
  }
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(400));
}

}  // namespace
}  // namespace server::kube
