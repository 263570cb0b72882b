#include "server/kube/collection_watch.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "server/kube/pause.h"

namespace server::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr seconds kListTimeout{10};
// Objects of an ordinary size then stay far from the size of an answer that the client takes.
constexpr int kPage = 100;
// The server ends the watch after this. A connection that died without a word is noticed when it does not.
constexpr seconds kWatchTime{60};
constexpr seconds kWatchTimeout = kWatchTime + seconds(15);
// A list after a shorter time than this counts as a failure of the one before.
constexpr seconds kSoon{10};
constexpr milliseconds kLongestWait{10'000};

}  // namespace

std::string ListAll(Api& api, const Collection& collection, Deadline deadline, const std::stop_token& stop,
                    const std::function<void(const Json& object)>& on_object) {
  const std::string selector = collection.selector.empty() ? "" : "&" + collection.selector;
  int page = kPage;
  for (std::string more;;) {
    const std::string path = collection.path + "?limit=" + std::to_string(page) + selector + more;
    ApiResponse response;
    try {
      response = api.Send({.method = "GET", .path = path, .body = {}}, deadline, stop);
    } catch (const ApiError& error) {
      if (error.kind() != ApiError::Kind::kTooLarge || page == 1) {
        throw;
      }
      page /= 2;
      continue;
    }
    const Json list = ObjectIn(response);
    for (const Json& object : list["items"].Elements()) {
      on_object(object);
    }
    const std::string token = list["metadata"]["continue"].String();
    if (token.empty()) {
      return list["metadata"]["resourceVersion"].String();
    }
    more = "&continue=" + Escaped(token);
    page = std::min(page * 2, kPage);
  }
}

CollectionWatch::CollectionWatch(std::shared_ptr<Api> api, Collection collection, Listener listener,
                                 milliseconds first_wait)
    : api_(std::move(api)),
      collection_(std::move(collection)),
      listener_(std::move(listener)),
      first_wait_(first_wait),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

void CollectionWatch::Run(const std::stop_token& stop) {
  milliseconds wait = first_wait_;
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
    if (!Pause(soon ? Jittered(wait) : milliseconds(0), stop)) {
      return;
    }
    wait = soon ? std::min(wait * 2, kLongestWait) : first_wait_;
  }
}

void CollectionWatch::Follow(const std::stop_token& stop) {
  listener_.on_list();
  std::string version = ListAll(*api_, collection_, steady_clock::now() + kListTimeout, stop,
                                [this](const Json& object) { listener_.on_object(object, false); });
  listener_.on_listed();
  const std::string watch = collection_.path + "?watch=true&allowWatchBookmarks=true" +
                            (collection_.selector.empty() ? "" : "&" + collection_.selector) +
                            "&timeoutSeconds=" + std::to_string(kWatchTime.count()) + "&resourceVersion=";
  for (bool complete = true; complete;) {
    const auto begin = steady_clock::now();
    api_->Stream(
        watch + version, [&](std::string_view line) { return complete = OnEvent(line, version); },
        begin + kWatchTimeout, stop);
    // A watch that ends at once, again and again, is a failure that does not say so.
    complete = complete && steady_clock::now() - begin >= kSoon;
  }
}

bool CollectionWatch::OnEvent(std::string_view line, std::string& version) {
  const auto event = Json::Parse(line);
  const std::string type = event ? (*event)["type"].String() : "";
  if (type != "ADDED" && type != "MODIFIED" && type != "DELETED" && type != "BOOKMARK") {
    return false;  // An error, of which 410 is an ordinary one.
  }
  const Json object = (*event)["object"];
  if (type != "BOOKMARK") {
    listener_.on_object(object, type == "DELETED");
  }
  version = object["metadata"]["resourceVersion"].String();
  return true;
}

}  // namespace server::kube
