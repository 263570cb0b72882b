#include "server/kube/config_map_watch.h"

#include <algorithm>
#include <utility>

#include "server/kube/json.h"
#include "server/kube/pause.h"

namespace server::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr seconds kReadTimeout{10};
// The server ends the watch after this. A connection that died without a word is noticed when it does not.
constexpr seconds kWatchTime{60};
constexpr seconds kWatchTimeout = kWatchTime + seconds(15);
// A begin after a shorter time than this counts as a failure of the one before.
constexpr seconds kSoon{10};
constexpr milliseconds kFirstWait{500};
constexpr milliseconds kLongestWait{10'000};

ConfigMapData DataOf(const Json& config_map) {
  ConfigMapData data;
  for (const auto& [key, value] : config_map["data"].Members()) {
    data.emplace(key, value.String());
  }
  return data;
}

}  // namespace

ConfigMapWatch::ConfigMapWatch(std::shared_ptr<Api> api, ConfigMapKey key, Listener listener)
    : api_(std::move(api)),
      key_(std::move(key)),
      listener_(std::move(listener)),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

void ConfigMapWatch::Run(const std::stop_token& stop) {
  milliseconds wait = kFirstWait;
  for (;;) {
    const auto begin = steady_clock::now();
    try {
      Follow(stop);
    } catch (const std::exception& error) {
      if (stop.stop_requested()) {
        return;
      }
      listener_.on_failure(error.what());
    }
    const bool soon = steady_clock::now() - begin < kSoon;
    if (!Sleep(soon ? Jittered(wait) : milliseconds(0), stop)) {
      return;
    }
    wait = soon ? std::min(wait * 2, kLongestWait) : kFirstWait;
  }
}

void ConfigMapWatch::Follow(const std::stop_token& stop) {
  const std::string collection = "/api/v1/namespaces/" + key_.ns + "/configmaps";
  const ApiResponse response = api_->Send({.method = "GET", .path = collection + "/" + key_.name, .body = {}},
                                          steady_clock::now() + kReadTimeout, stop);
  const auto config_map = Json::Parse(response.body);
  if (response.status != 200 || !config_map || !config_map->IsObject()) {
    throw ApiError(ApiError::Kind::kFailed, FailureText(response));
  }
  listener_.on_data(DataOf(*config_map));
  const std::string version = (*config_map)["metadata"]["resourceVersion"].String();
  api_->Stream(
      collection + "?watch=true&fieldSelector=metadata.name%3D" + key_.name + "&resourceVersion=" + version +
          "&timeoutSeconds=" + std::to_string(kWatchTime.count()),
      [this](std::string_view line) { return OnEvent(line); }, steady_clock::now() + kWatchTimeout, stop);
}

bool ConfigMapWatch::OnEvent(std::string_view line) {
  const auto event = Json::Parse(line);
  const std::string type = event ? (*event)["type"].String() : "";
  if (type != "ADDED" && type != "MODIFIED") {
    // Deleted, to be written again by the API server soon; or an error, of which 410 is an ordinary one. A read will
    // tell.
    return false;
  }
  listener_.on_data(DataOf((*event)["object"]));
  return true;
}

}  // namespace server::kube
