#include "server/kube/config_map_watch.h"

#include <memory>
#include <utility>

namespace server::kube {
namespace {

ConfigMapData DataOf(const Json& config_map) {
  ConfigMapData data;
  for (const auto& [key, value] : config_map["data"].Members()) {
    data.emplace(key, value.String());
  }
  return data;
}

Collection CollectionOf(const ConfigMapKey& key) {
  return {.path = "/api/v1/namespaces/" + key.ns + "/configmaps",
          .selector = "fieldSelector=metadata.name%3D" + key.name};
}

CollectionWatch::Listener Listen(const ConfigMapKey& key, const ConfigMapWatch::Listener& listener) {
  const auto found = std::make_shared<bool>(false);
  const auto fail = [listener, absent = "there is no ConfigMap " + key.ns + "/" + key.name] {
    listener.on_failure(absent);
  };
  return {.on_list = [found] { *found = false; },
          .on_object =
              [=](const Json& config_map, bool gone) {
                *found = !gone;
                gone ? fail() : listener.on_data(DataOf(config_map));
              },
          .on_listed =
              [=] {
                if (!*found) {
                  fail();
                }
              },
          .on_failure = listener.on_failure};
}

}  // namespace

ConfigMapWatch::ConfigMapWatch(std::shared_ptr<Api> api, const ConfigMapKey& key, const Listener& listener)
    : watch_(std::move(api), CollectionOf(key), Listen(key, listener)) {}

}  // namespace server::kube
