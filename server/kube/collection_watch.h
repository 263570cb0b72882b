// A collection of objects, followed for as long as this process lives.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "server/kube/api.h"

namespace server::kube {

/// Which objects.
struct Collection {
  std::string path;      // Such as "/apis/autoscaling/v2/horizontalpodautoscalers".
  std::string selector;  // Empty, or "fieldSelector=…", "labelSelector=…"; escaped.
};

/// Calls `on_object` with each object there is, which are fetched some at a time, fewer where they are large, and
/// returns the version they are of. Throws ApiError.
std::string ListAll(Api& api, const Collection& collection, Deadline deadline, const std::stop_token& stop,
                    const std::function<void(const Json& object)>& on_object);

/// Lists it, watches it from there on, and goes on watching where a watch ended when its time was over. Whatever else
/// ends a watch (the version has become too old, which is 410, the API server has gone), it lists anew. Lists that come
/// soon after one another wait longer and longer in between, up to ten seconds. Its permissions are "list" and "watch".
class CollectionWatch {
 public:
  /// All are called from the thread of the watch only, and must not throw.
  struct Listener {
    /// A list begins: first of all, and whenever changes may have been missed. What is not told of until on_listed is
    /// not there any more. Also called again for a list that broke off.
    std::function<void()> on_list;
    /// An object as it is now, or, if `gone`, as it was last.
    std::function<void(const Json& object, bool gone)> on_object;
    /// The list is complete; what follows are changes.
    std::function<void()> on_listed;
    /// It cannot be listed or watched at the moment, and why. What was told last may be out of date.
    std::function<void(std::string_view cause)> on_failure;
  };

  /// `first_wait` is the time after a first failure.
  CollectionWatch(std::shared_ptr<Api> api, Collection collection, Listener listener,
                  std::chrono::milliseconds first_wait = std::chrono::milliseconds(500));
  CollectionWatch(const CollectionWatch&) = delete;
  CollectionWatch& operator=(const CollectionWatch&) = delete;
  /// Ends the watch at once.
  ~CollectionWatch() = default;

 private:
  void Run(const std::stop_token& stop);
  /// One list and the watches after it. Returns when changes may have been missed.
  void Follow(const std::stop_token& stop);
  /// Takes one event of the watch; false when it was the last of use, and a list must follow.
  bool OnEvent(std::string_view line, std::string& version);

  const std::shared_ptr<Api> api_;
  const Collection collection_;
  const Listener listener_;
  const std::chrono::milliseconds first_wait_;
  std::jthread thread_;  // Last, so that it ends first.
};

}  // namespace server::kube
