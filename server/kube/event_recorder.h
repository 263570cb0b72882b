// Events on objects, as `kubectl describe` shows them.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>

#include "server/kube/api.h"

namespace server::kube {

/// What an event is about.
struct ObjectReference {
  std::string api_version;
  std::string kind;
  std::string ns;
  std::string name;
  std::string uid;
};

struct EventText {
  bool warning;
  std::string reason;   // One word in CamelCase.
  std::string message;  // A sentence without its full stop.
};

/// The same event about the same object is one Event that counts, written once a minute at most. Its permissions are
/// "create" and "patch" on events. Safe to call from several threads at once.
class EventRecorder {
 public:
  using Clock = std::chrono::system_clock;

  /// `component` is who says so, `instance` which one of its kind.
  EventRecorder(std::shared_ptr<Api> api, std::string component, std::string instance);

  /// Blocks until `deadline` at most. Throws ApiError if the event could not be written; it is then lost.
  void Record(const ObjectReference& about, const EventText& text, Clock::time_point now, Deadline deadline,
              const std::stop_token& stop);

 private:
  using Key = std::tuple<std::string, std::string, std::string>;  // uid, reason, message
  struct Series {
    std::string name;
    std::int64_t count = 0;
    Clock::time_point last;
    Clock::time_point written;
  };

  const std::shared_ptr<Api> api_;
  const std::string component_;
  const std::string instance_;

  std::mutex mutex_;
  std::map<Key, Series> series_;  // Guarded by mutex_.
};

}  // namespace server::kube
