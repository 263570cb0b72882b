#include "server/kube/collection_watch.h"

#include <algorithm>

#include "test/support/catch.h"
#include "test/support/entry_log.h"
#include "test/support/eventually.h"
#include "test/support/fake_api.h"

namespace server::kube {
namespace {

using test::Eventually;
using test::FakeApi;

ApiResponse List(const std::string& names, const std::string& version, const std::string& more = "") {
  std::string items;
  for (const char name : names) {
    items += std::string(items.empty() ? "" : ",") + R"({"metadata":{"name":")" + name + "\"}}";
  }
  return {
      200,
      R"({"metadata":{"resourceVersion":")" + version + R"(","continue":")" + more + R"("},"items":[)" + items + "]}",
      {}};
}

std::string Event(const std::string& type, const std::string& name, const std::string& version) {
  return R"({"type":")" + type + R"(","object":{"metadata":{"name":")" + name + R"(","resourceVersion":")" + version +
         "\"}}}";
}

/// Remembers what it was told.
class Log : public test::EntryLog {
 public:
  CollectionWatch::Listener Listen() {
    return {.on_list = [this] { Add("list"); },
            .on_object = [this](const Json& object,
                                bool gone) { Add((gone ? "-" : "+") + object["metadata"]["name"].String()); },
            .on_listed = [this] { Add("listed"); },
            .on_failure = [this](std::string_view cause) { Add("failed: " + std::string(cause)); }};
  }
};

const Collection kCollection{"/apis/example/v1/things", ""};

TEST_CASE("a collection is listed page by page, and then watched from the version of the list") {
  const auto api = std::make_shared<FakeApi>([](const ApiRequest& request) {
    return request.path.find("continue") == std::string::npos ? List("ab", "7", "next=/+") : List("c", "7");
  });
  Log log;
  const CollectionWatch watch(api, kCollection, log.Listen());
  api->SendEvent(Event("ADDED", "d", "8"));
  api->SendEvent(Event("MODIFIED", "a", "9"));
  api->SendEvent(Event("DELETED", "b", "10"));
  REQUIRE(Eventually([&] { return log.Has(8); }));
  CHECK(log.entries() == std::vector<std::string>{"list", "+a", "+b", "+c", "listed", "+d", "+a", "-b"});
  const auto requests = api->requests();
  REQUIRE(requests.size() == 3);
  CHECK(requests[0].path == "/apis/example/v1/things?limit=100");
  CHECK(requests[1].path == "/apis/example/v1/things?limit=100&continue=next%3D%2F%2B");
  CHECK(requests[2].path ==
        "/apis/example/v1/things?watch=true&allowWatchBookmarks=true&timeoutSeconds=60&resourceVersion=7");
}

TEST_CASE("objects that are too large together are fetched fewer at a time, and it is tried with more after them") {
  const std::string names = "abcdefghijklmnopqrstuvwxyz";
  const std::string large = "efghij";
  FakeApi api([&](const ApiRequest& request) {
    const auto number_after = [&](const std::string& key) {
      const auto found = request.path.find(key);
      return found == std::string::npos ? std::size_t{0} : std::stoul(request.path.substr(found + key.size()));
    };
    const std::size_t begin = number_after("continue=");
    const std::string page = names.substr(begin, number_after("limit="));
    if (std::ranges::count_if(page, [&](char name) { return large.find(name) != std::string::npos; }) > 1) {
      throw ApiError(ApiError::Kind::kTooLarge, "too large");
    }
    const std::size_t end = begin + page.size();
    return List(page, "7", end == names.size() ? "" : std::to_string(end));
  });
  std::string listed;
  const auto version = ListAll(api, kCollection, std::chrono::steady_clock::now() + std::chrono::seconds(5), {},
                               [&](const Json& object) { listed += object["metadata"]["name"].String(); });
  CHECK(version == "7");
  CHECK(listed == names);
  const auto requests = api.requests();
  CHECK(requests.size() < names.size());
  CHECK(requests.back().path == "/apis/example/v1/things?limit=16&continue=23");
}

TEST_CASE("one object that is too large is a failure") {
  FakeApi api([](const ApiRequest&) -> ApiResponse { throw ApiError(ApiError::Kind::kTooLarge, "too large"); });
  CHECK_THROWS_WITH(
      ListAll(api, kCollection, std::chrono::steady_clock::now() + std::chrono::seconds(5), {}, [](const Json&) {}),
      "too large");
  CHECK(api.requests().back().path == "/apis/example/v1/things?limit=1");
}

TEST_CASE("whatever ends a watch before its time, a list follows") {
  const auto api = std::make_shared<FakeApi>([](const ApiRequest&) { return List("a", "1"); });
  Log log;
  const CollectionWatch watch(api, kCollection, log.Listen());
  api->SendEvent(R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"5"}}})");
  const auto end = GENERATE(as<std::string>{}, "", "not JSON", R"({"type":"ERROR","object":{"code":410}})");
  if (end.empty()) {
    api->EndWatch();
  } else {
    api->SendEvent(end);
  }
  REQUIRE(Eventually([&] { return log.Has(6); }));
  api->SendEvent(Event("MODIFIED", "b", "6"));
  REQUIRE(Eventually([&] { return log.Has(7); }));
  CHECK(log.entries() == std::vector<std::string>{"list", "+a", "listed", "list", "+a", "listed", "+b"});
}

TEST_CASE("a failure is told, and does not end the attempts") {
  int attempts = 0;
  const auto api = std::make_shared<FakeApi>([&attempts](const ApiRequest&) -> ApiResponse {
    switch (++attempts) {
      case 1:
        throw ApiError(ApiError::Kind::kFailed, "nobody there");
      case 2:
        return {403, R"({"message":"forbidden"})", {}};
      default:
        return List("a", "1");
    }
  });
  Log log;
  const CollectionWatch watch(api, kCollection, log.Listen());
  REQUIRE(Eventually([&] { return log.Has(7); }));
  CHECK(log.entries() ==
        std::vector<std::string>{"list", "failed: nobody there", "list", "failed: forbidden", "list", "+a", "listed"});
}

TEST_CASE("a watch ends at once, also while it waits for its next attempt") {
  const auto api = std::make_shared<FakeApi>(
      [](const ApiRequest&) -> ApiResponse { throw ApiError(ApiError::Kind::kFailed, "nobody there"); });
  Log log;
  const CollectionWatch watch(api, kCollection, log.Listen(), std::chrono::hours(24));  // Or never.
  REQUIRE(Eventually([&] { return log.Has(2); }));
}

}  // namespace
}  // namespace server::kube
