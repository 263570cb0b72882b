#include "server/kube/config_map_watch.h"

#include "test/support/catch.h"
#include "test/support/entry_log.h"
#include "test/support/eventually.h"
#include "test/support/fake_api.h"

namespace server::kube {
namespace {

using test::Eventually;
using test::FakeApi;

ApiResponse List(const std::string& items) {
  return {200, R"({"metadata":{"resourceVersion":"7"},"items":[)" + items + "]}", {}};
}

std::string Map(const std::string& value) { return R"({"data":{"key":")" + value + "\"}}"; }

std::string Event(const std::string& type, const std::string& value) {
  return R"({"type":")" + type + R"(","object":)" + Map(value) + "}";
}

/// Remembers what it was told.
class Log : public test::EntryLog {
 public:
  ConfigMapWatch::Listener Listen() {
    return {.on_data = [this](const ConfigMapData& data) { Add(data.contains("key") ? data.at("key") : "no key"); },
            .on_failure = [this](std::string_view cause) { Add("failed: " + std::string(cause)); }};
  }
};

const ConfigMapKey kKey{"kube-system", "extension-apiserver-authentication"};

TEST_CASE("a ConfigMap is read, and then watched") {
  const auto api = std::make_shared<FakeApi>([](const ApiRequest&) { return List(Map("one")); });
  Log log;
  const ConfigMapWatch watch(api, kKey, log.Listen());
  api->SendEvent(Event("MODIFIED", "two"));
  api->SendEvent(Event("DELETED", "two"));
  api->SendEvent(Event("ADDED", "three"));
  REQUIRE(Eventually([&] { return log.Has(4); }));
  CHECK(log.entries() ==
        std::vector<std::string>{
            "one", "two", "failed: there is no ConfigMap kube-system/extension-apiserver-authentication", "three"});
  const auto requests = api->requests();
  REQUIRE(requests.size() == 2);
  const std::string selector = "fieldSelector=metadata.name%3Dextension-apiserver-authentication";
  CHECK(requests[0].path == "/api/v1/namespaces/kube-system/configmaps?limit=100&" + selector);
  CHECK(requests[1].path == "/api/v1/namespaces/kube-system/configmaps?watch=true&allowWatchBookmarks=true&" +
                                selector + "&timeoutSeconds=60&resourceVersion=7");
}

TEST_CASE("a ConfigMap that is not there is a failure until it is") {
  const auto api = std::make_shared<FakeApi>([](const ApiRequest&) { return List(""); });
  Log log;
  const ConfigMapWatch watch(api, kKey, log.Listen());
  api->SendEvent(Event("ADDED", "there"));
  REQUIRE(Eventually([&] { return log.Has(2); }));
  CHECK(log.entries() == std::vector<std::string>{
                             "failed: there is no ConfigMap kube-system/extension-apiserver-authentication", "there"});
}

}  // namespace
}  // namespace server::kube
