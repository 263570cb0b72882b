#include "server/kube/event_recorder.h"

#include <array>
#include <cstdio>
#include <utility>

#include "server/wire/json_writer.h"
#include "server/wire/timestamp.h"

namespace server::kube {
namespace {

using wire::JsonStyle;
using wire::JsonWriter;

constexpr std::chrono::minutes kBetweenWrites{1};
// As long as kube-apiserver keeps Events.
constexpr std::chrono::hours kForgetAfter{1};

/// A name as objects may have: no longer than Kubernetes takes, each of its parts ending in a letter or digit.
std::string UniqueName(const std::string& object, EventRecorder::Clock::time_point now) {
  constexpr std::size_t kLongest = 253;
  std::array<char, 24> suffix{};
  const auto nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count();
  std::snprintf(suffix.data(), suffix.size(), ".%llx", static_cast<unsigned long long>(nanos));
  const std::string beginning = object.substr(0, kLongest - suffix.size());
  return beginning.substr(0, beginning.find_last_not_of("-.") + 1) + suffix.data();
}

}  // namespace

EventRecorder::EventRecorder(std::shared_ptr<Api> api, std::string component, std::string instance)
    : api_(std::move(api)), component_(std::move(component)), instance_(std::move(instance)) {}

void EventRecorder::Record(const ObjectReference& about, const EventText& text, Clock::time_point now,
                           Deadline deadline, const std::stop_token& stop) {
  std::string name;
  std::int64_t count = 0;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(series_, [now](const auto& entry) { return now - entry.second.last > kForgetAfter; });
    Series& series = series_[{about.uid, text.reason, text.message}];
    series.last = now;
    count = ++series.count;
    if (count > 1 && now - series.written < kBetweenWrites) {
      return;
    }
    series.written = now;
    if (count == 1) {
      series.name = UniqueName(about.name, now);
    }
    name = series.name;
  }
  const std::string collection = "/api/v1/namespaces/" + about.ns + "/events";
  const std::string timestamp = wire::Timestamp(std::chrono::floor<std::chrono::seconds>(now));
  if (count > 1) {
    const ApiResponse response =
        api_->Send({.method = "PATCH",
                    .path = collection + "/" + name,
                    .body = R"({"count":)" + std::to_string(count) + R"(,"lastTimestamp":")" + timestamp + "\"}",
                    .content_type = "application/merge-patch+json"},
                   deadline, stop);
    if (response.status == 200) {
      return;
    }
    if (response.status != kNotFound) {
      RejectResponse(response);
    }
  }
  std::string body;
  JsonWriter json(body, JsonStyle::kCompact);
  json.BeginObject();
  json.Member("kind", "Event");
  json.Member("apiVersion", "v1");
  json.Key("metadata");
  json.BeginObject();
  json.Member("name", name);
  json.Member("namespace", about.ns);
  json.EndObject();
  json.Key("involvedObject");
  json.BeginObject();
  json.Member("kind", about.kind);
  json.Member("apiVersion", about.api_version);
  json.Member("namespace", about.ns);
  json.Member("name", about.name);
  json.Member("uid", about.uid);
  json.EndObject();
  json.Member("type", text.warning ? "Warning" : "Normal");
  json.Member("reason", text.reason);
  json.Member("message", text.message);
  json.Key("source");
  json.BeginObject();
  json.Member("component", component_);
  json.EndObject();
  json.Member("reportingComponent", component_);
  json.Member("reportingInstance", instance_);
  json.Member("firstTimestamp", timestamp);
  json.Member("lastTimestamp", timestamp);
  json.Key("count");
  json.Int(count);
  json.EndObject();
  const ApiResponse response =
      api_->Send({.method = "POST", .path = collection, .body = std::move(body)}, deadline, stop);
  if (response.status != 201) {
    RejectResponse(response);
  }
}

}  // namespace server::kube
