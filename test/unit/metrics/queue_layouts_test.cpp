#include "metrics/queue_layouts.h"

#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "test/support/catch.h"

namespace metrics {
namespace {

TEST_CASE("every layout can be made, and tells what waits", "[metrics]") {
  for (const LayoutKind& kind : LayoutKinds()) {
    INFO(kind.name);
    CHECK(FindLayoutKind(kind.name) == &kind);
    CHECK(kind.make({})->Offers().waiting);
    CHECK(LayoutNames().find(kind.name) != std::string::npos);
  }
  CHECK(FindLayoutKind("kafka") == nullptr);
}

TEST_CASE("no option of a layout is called like something that every queue has", "[metrics]") {
  const std::set<std::string_view> taken{"name",       "pattern", "nameInRedis", "redis", "layout",
                                         "namespaces", "labels",  "onError",     "maxAge"};
  for (const LayoutKind& kind : LayoutKinds()) {
    for (const LayoutOption& option : kind.options) CHECK_FALSE(taken.contains(option.name));
  }
}

TEST_CASE("editors and readers are told all layouts and their options", "[metrics]") {
  for (const std::string file : {DOCS_DIR "/queues.schema.json", DOCS_DIR "/configuration.md"}) {
    std::ifstream stream(file);
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    const std::string quote = file.ends_with(".json") ? "\"" : "`";
    for (const LayoutKind& kind : LayoutKinds()) {
      CHECK_THAT(text, ContainsText(quote + std::string(kind.name) + quote));
      for (const LayoutOption& option : kind.options) {
        CHECK_THAT(text, ContainsText(quote + std::string(option.name) + quote));
      }
    }
  }
}

/// What a layout asks of the queue "q" at first.
std::string FirstRound(std::string_view layout, const LayoutOptions& options) {
  redis::Batch batch;
  FindLayoutKind(layout)->make(options)->Ask({.queue = "q", .wanted = {.waiting = true, .in_flight = true}, .now = {}},
                                             batch);
  return batch.bytes();
}

TEST_CASE("options reach their layouts", "[metrics]") {
  struct Case {
    std::string layout;
    std::string option;
    LayoutOptions::Value value;
    std::string seen;
  };
  using Texts = LayoutOptions::Texts;
  const auto example = GENERATE(values<Case>({
      {"celery", "prefix", "app:", "app:q"},
      {"celery", "unackedKey", "taken", "taken"},
      {"celery", "prioritySteps", LayoutOptions::Numbers{0, 7},
       "q\x06\x16"
       "7"},
      {"celery", "separator", "/", "q/3"},
      {"rq", "prefix", "{rq}", "{rq}:queue:q"},
      {"dramatiq", "prefix", "app", "app:q"},
      {"sidekiq", "prefix", "ns:", "ns:queue:q"},
      {"resque", "prefix", "app", "app:queue:q"},
      {"bullmq", "prefix", "{app}", "{app}:q:wait"},
      {"bull", "prefix", "{app}", "{app}:q:wait"},
      {"bee-queue", "prefix", "app", "app:q:waiting"},
      {"laravel", "prefix", "app_", "app_queues:q"},
      {"laravel", "hashTag", true, "queues:{q}"},
      {"huey", "priority", true, "ZCARD"},
      {"stream", "groups", Texts{"workers"}, "XINFO"},
      {"sorted-set", "due", "milliseconds", "ZCOUNT"},
      {"reliable-list", "waiting", "{queue}:in", "q:in"},
      {"reliable-list", "processing", Texts{"{queue}:a", "{queue}:b"}, "q:b"},
      {"reliable-list", "workers", "{queue}:workers", "q:workers"},
      {"reliable-list", "delayed", "{queue}:later", "q:later"},
  }));
  INFO(example.layout << " " << example.option);
  LayoutOptions options;
  CHECK(FirstRound(example.layout, options).find(example.seen) == std::string::npos);
  options.Set(example.option, example.value);
  CHECK_THAT(FirstRound(example.layout, options), ContainsText(example.seen));
}

}  // namespace
}  // namespace metrics
