// A configuration file of whatever bytes is refused with problems that each have a place in it, or is one that can be
// used: every queue has a layout that knows what to ask, and a selector finds it in the catalog.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "metrics/label_selector.h"
#include "metrics/queue_catalog.h"
#include "metrics/queue_config.h"
#include "metrics/queue_layout.h"
#include "metrics/queue_metric.h"
#include "metrics/redis/resp.h"
#include "test/fuzz/fuzzing.h"

using fuzzing::Require;

namespace {

void CheckProblems(std::string_view yaml, const std::vector<metrics::ConfigProblem>& problems) {
  Require(!problems.empty());
  // yaml-cpp takes "\r" for the end of a line, too.
  const auto ends = std::count(yaml.begin(), yaml.end(), '\n') + std::count(yaml.begin(), yaml.end(), '\r');
  auto before = std::pair(1, 1);
  for (const auto& [line, column, text] : problems) {
    Require(std::pair(line, column) >= before);
    Require(line >= 1 && column >= 1 && line <= ends + 1);
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' '; };
    Require(!text.empty() && std::none_of(text.begin(), text.end(), is_control));
    before = {line, column};
  }
}

void CheckQueue(const metrics::ConfiguredQueue& queue, const metrics::QueueConfig& config) {
  Require(queue.layout != nullptr);
  Require(config.sources.empty() ? queue.settings.redis == metrics::kDefaultSource
                                 : std::any_of(config.sources.begin(), config.sources.end(), [&](const auto& source) {
                                     return source.name == queue.settings.redis;
                                   }));
  const metrics::QueueParts offered = queue.layout->Offers();
  Require(offered.waiting || offered.in_flight || offered.delayed || offered.oldest_age);
  metrics::redis::Batch batch;
  queue.layout->Ask({queue.name_in_redis, offered, std::chrono::system_clock::time_point()}, batch);
  Require(batch.size() > 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view yaml = fuzzing::Text(data, size);
  auto parsed = metrics::ParseQueueConfig(yaml);
  if (const auto* problems = std::get_if<std::vector<metrics::ConfigProblem>>(&parsed)) {
    CheckProblems(yaml, *problems);
    return 0;
  }
  auto config = std::get<metrics::QueueConfig>(std::move(parsed));
  Require(!config.queues.empty());
  std::vector<std::pair<std::string, std::string>> names;  // With a namespace that may see it.
  for (const metrics::ConfiguredQueue& queue : config.queues) {
    CheckQueue(queue, config);
    const auto& namespaces = queue.settings.namespaces;
    if (!queue.is_pattern) names.emplace_back(queue.name, namespaces.empty() ? "any" : namespaces.front());
  }
  const metrics::QueueCatalog catalog(std::move(config));
  for (const auto& [name, ns] : names) {
    const auto selector = metrics::LabelSelector::Parse("queue=" + name);
    Require(!catalog.Find(ns, metrics::QueueMetric::kLength, selector).empty());
  }
  return 0;
}
