#include "metrics/queue_catalog.h"

#include <algorithm>

#include "metrics/go_quote.h"
#include "metrics/metric_provider.h"

namespace metrics {
namespace {

using Operator = LabelSelector::Operator;

constexpr std::string_view kMetric = "redis_queue_length";
constexpr std::string_view kLabel = "queue";

/// A selector may be as long as a request; its beginning says enough.
std::string Quote(std::string_view text) {
  constexpr std::size_t kLongest = 200;
  return text.size() <= kLongest ? GoQuote(text) : GoQuote(text.substr(0, kLongest)) + "…";
}

/// The values that a queue's name must be one of; none if any would do.
const std::vector<std::string>* PinnedNames(const LabelSelector& selector) {
  const auto& requirements = selector.requirements();
  const auto pins = [](const LabelSelector::Requirement& requirement) {
    return requirement.key == kLabel && (requirement.op == Operator::kEquals ||
                                         requirement.op == Operator::kDoubleEquals || requirement.op == Operator::kIn);
  };
  const auto found = std::find_if(requirements.begin(), requirements.end(), pins);
  return found == requirements.end() ? nullptr : &found->values;
}

}  // namespace

std::vector<Queue> QueueCatalog::Find(std::string_view /*ns*/, std::string_view metric,
                                      const LabelSelector& selector) const {
  if (metric != kMetric) {
    throw MetricNotFoundError("there is no metric " + Quote(metric) + "; the only one is " + Quote(kMetric));
  }
  const auto* names = PinnedNames(selector);
  if (names == nullptr) {
    throw MetricNotFoundError("the selector " + Quote(selector.ToString()) +
                              " names no queue; select one by queue=NAME or "
                              "several by queue in (NAME,NAME)");
  }
  std::vector<Queue> queues;
  for (const std::string& name : *names) {
    // What else the selector asks of the label `queue`, or of labels that no queue has here.
    if (!name.empty() && selector.Matches({{std::string(kLabel), name}})) queues.push_back({name, &by_type_});
  }
  if (queues.empty()) {
    throw MetricNotFoundError("no queue matches the selector " + Quote(selector.ToString()) +
                              "; a queue has only the label \"queue\", and its name is never empty");
  }
  if (queues.size() > kMaxQueues) {
    throw MetricNotFoundError("the selector names " + std::to_string(queues.size()) +
                              " queues; one request may ask for " + std::to_string(kMaxQueues));
  }
  return queues;
}

std::vector<std::string> QueueCatalog::MetricNames() { return {std::string(kMetric)}; }

}  // namespace metrics
