// One ConfigMap, followed for as long as this process lives.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "server/kube/api.h"
#include "server/kube/collection_watch.h"

namespace server::kube {

struct ConfigMapKey {
  std::string ns;
  std::string name;
};

using ConfigMapData = std::map<std::string, std::string>;

/// Its permissions are "list" and "watch" on that one name.
class ConfigMapWatch {
 public:
  /// Both are called from the thread of the watch only, and must not throw.
  struct Listener {
    /// What it holds: first of all, after each change, and now and then without one.
    std::function<void(const ConfigMapData&)> on_data;
    /// It is not there, or it cannot be read or watched at the moment, and why. The last data may be out of date.
    std::function<void(std::string_view cause)> on_failure;
  };

  ConfigMapWatch(std::shared_ptr<Api> api, const ConfigMapKey& key, const Listener& listener);

 private:
  CollectionWatch watch_;
};

}  // namespace server::kube
