// One ConfigMap, followed for as long as this process lives.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "server/kube/api.h"

namespace server::kube {

struct ConfigMapKey {
  std::string ns;
  std::string name;
};

using ConfigMapData = std::map<std::string, std::string>;

/// Reads it, watches it from there on, and begins anew when the watch ends, for whatever reason: its time is over, the
/// version has become too old (410), the API server has gone. Begins that come soon after one another wait longer and
/// longer in between, up to ten seconds. Its permission is "get" and "watch" on that one name.
class ConfigMapWatch {
 public:
  /// Both are called from the thread of the watch only, and must not throw.
  struct Listener {
    /// What it holds: first of all, after each change, and now and then without one.
    std::function<void(const ConfigMapData&)> on_data;
    /// It cannot be read or watched at the moment, and why. The last data may be out of date.
    std::function<void(std::string_view cause)> on_failure;
  };

  ConfigMapWatch(std::shared_ptr<Api> api, ConfigMapKey key, Listener listener);
  ConfigMapWatch(const ConfigMapWatch&) = delete;
  ConfigMapWatch& operator=(const ConfigMapWatch&) = delete;
  /// Ends the watch at once.
  ~ConfigMapWatch() = default;

 private:
  void Run(const std::stop_token& stop);
  /// One read and the watch after it.
  void Follow(const std::stop_token& stop);
  /// Takes one event of the watch; false when it was the last of use.
  bool OnEvent(std::string_view line);

  const std::shared_ptr<Api> api_;
  const ConfigMapKey key_;
  const Listener listener_;
  std::jthread thread_;  // Last, so that it ends first.
};

}  // namespace server::kube
