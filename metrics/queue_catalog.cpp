#include "metrics/queue_catalog.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "metrics/go_quote.h"
#include "metrics/label_selector.h"

namespace metrics {
namespace {

using Operator = LabelSelector::Operator;
using Requirement = LabelSelector::Requirement;

constexpr std::string_view kQueue = "queue";
constexpr std::string_view kRedis = "redis";

/// It lists the values that its label may have.
bool Pins(const Requirement& requirement) {
  return requirement.op == Operator::kEquals || requirement.op == Operator::kDoubleEquals ||
         requirement.op == Operator::kIn;
}

/// The values that a queue's name must be one of; none if any would do.
const std::vector<std::string>* PinnedNames(const LabelSelector& selector) {
  const auto& requirements = selector.requirements();
  const auto found = std::find_if(requirements.begin(), requirements.end(), [](const Requirement& requirement) {
    return requirement.key == kQueue && Pins(requirement);
  });
  return found == requirements.end() ? nullptr : &found->values;
}

/// What the `*` of `pattern` stands for in `name`; nothing if it does not fit.
std::optional<std::string_view> Star(std::string_view pattern, std::string_view name) {
  const std::size_t star = pattern.find('*');
  const std::string_view before = pattern.substr(0, star);
  const std::string_view after = pattern.substr(star + 1);
  if (name.size() < pattern.size() || !name.starts_with(before) || !name.ends_with(after)) return std::nullopt;
  return name.substr(before.size(), name.size() - before.size() - after.size());
}

std::string WithStar(std::string_view pattern, std::string_view star) {
  std::string name(pattern);
  return name.replace(pattern.find('*'), 1, star);
}

bool MaySee(std::string_view ns, const ConfiguredQueue& queue) {
  const auto& namespaces = queue.settings.namespaces;
  return namespaces.empty() || std::find(namespaces.begin(), namespaces.end(), ns) != namespaces.end();
}

/// "queue=emails,team=red".
std::string LabelsText(const Labels& labels) {
  std::string text;
  for (const auto& [key, value] : labels) text.append(text.empty() ? "" : ",").append(key).append("=").append(value);
  return text;
}

std::string MetricsOf(const QueueLayout& layout) {
  std::string names;
  for (const QueueMetric metric : QueueMetrics()) {
    if (PartsFor(metric, layout.Offers())) names.append(names.empty() ? "" : ", ").append(Name(metric));
  }
  return names;
}

/// Says what is needed to read `metric`.
void Want(QueueMetric metric, Queue& queue) {
  const auto parts = PartsFor(metric, queue.configured->layout->Offers());
  if (!parts) {
    throw MetricNotFoundError("the queue " + GoQuote(queue.labels.find(kQueue)->second) + " has no " +
                              std::string(Name(metric)) + ", because its layout " +
                              queue.configured->settings.layout_name + " only tells " +
                              MetricsOf(*queue.configured->layout));
  }
  queue.wanted = *parts;
}

}  // namespace

QueueCatalog::QueueCatalog(QueueConfig config) {
  const bool tell_redis = config.sources.size() > 1;
  named_.reserve(config.queues.size());
  for (ConfiguredQueue& configured : config.queues) {
    const auto queue = std::make_shared<const ConfiguredQueue>(std::move(configured));
    Entry entry{queue, queue->settings.labels};
    if (tell_redis) entry.labels.emplace(kRedis, queue->settings.redis);
    if (queue->is_pattern) {
      patterns_.push_back(std::move(entry));
    } else {
      entry.labels.emplace(kQueue, queue->name);
      named_.push_back(std::move(entry));
    }
  }
  for (const Entry& entry : named_) {
    for (const auto& [key, value] : entry.labels) by_label_[key][value].push_back(&entry);
  }
}

const QueueCatalog::Entries& QueueCatalog::WithLabel(std::string_view key, std::string_view value) const {
  static const Entries none;
  const auto of_key = by_label_.find(key);
  if (of_key == by_label_.end()) return none;
  const auto found = of_key->second.find(value);
  return found == of_key->second.end() ? none : found->second;
}

/// Those configured by name that may match: looked up by the label that leaves the fewest.
QueueCatalog::Entries QueueCatalog::Candidates(const LabelSelector& selector) const {
  std::optional<Entries> fewest;
  for (const Requirement& requirement : selector.requirements()) {
    if (!Pins(requirement)) continue;
    Entries entries;
    for (const std::string& value : requirement.values) {
      const Entries& with_value = WithLabel(requirement.key, value);
      entries.insert(entries.end(), with_value.begin(), with_value.end());
    }
    if (!fewest || entries.size() < fewest->size()) fewest = std::move(entries);
  }
  if (fewest) return *std::move(fewest);
  Entries all;
  all.reserve(named_.size());
  for (const Entry& entry : named_) all.push_back(&entry);
  return all;
}

/// Whether `name` is for `pattern` to decide about in its Redis: nobody configured it there, and it fits no pattern
/// before.
bool QueueCatalog::Decides(const Entry& pattern, std::string_view name) const {
  if (!Star(pattern.queue->name, name)) return false;
  const auto is_there = [&](const Entry& entry) {
    return entry.queue->settings.redis == pattern.queue->settings.redis;
  };
  const Entries& named = WithLabel(kQueue, name);
  return std::none_of(named.begin(), named.end(), [&](const Entry* entry) { return is_there(*entry); }) &&
         std::none_of(patterns_.data(), &pattern, [&](const Entry& before) {
           return is_there(before) && Star(before.queue->name, name).has_value();
         });
}

std::vector<std::shared_ptr<const ConfiguredQueue>> QueueCatalog::PatternsToList(std::string_view ns,
                                                                                 const LabelSelector& selector) const {
  std::vector<std::shared_ptr<const ConfiguredQueue>> listed;
  if (PinnedNames(selector) != nullptr) return listed;
  for (const auto& [queue, labels] : patterns_) {
    const auto rules_out = [&labels = labels](const Requirement& requirement) {
      if (!Pins(requirement)) return false;
      const auto found = labels.find(requirement.key);
      return found == labels.end() ||
             !std::binary_search(requirement.values.begin(), requirement.values.end(), found->second);
    };
    const auto& requirements = selector.requirements();
    if (queue->registry && MaySee(ns, *queue) && std::none_of(requirements.begin(), requirements.end(), rules_out)) {
      listed.push_back(queue);
    }
  }
  return listed;
}

void QueueCatalog::AddNamed(std::string_view ns, const LabelSelector& selector, std::vector<Queue>& queues) const {
  for (const Entry* entry : Candidates(selector)) {
    if (MaySee(ns, *entry->queue) && selector.Matches(entry->labels)) {
      queues.push_back({entry->queue->name_in_redis, entry->labels, {}, entry->queue});
    }
  }
}

void QueueCatalog::AddOfPatterns(std::string_view ns, const LabelSelector& selector, const Members& members,
                                 std::vector<Queue>& queues) const {
  const auto add = [&](const Entry& pattern, std::string_view name) {
    Labels labels = pattern.labels;
    labels.emplace(kQueue, name);
    if (!MaySee(ns, *pattern.queue) || !selector.Matches(labels)) return;
    const std::string_view star = *Star(pattern.queue->name, name);
    queues.push_back({WithStar(pattern.queue->name_in_redis, star), std::move(labels), {}, pattern.queue});
  };
  if (const auto* names = PinnedNames(selector)) {
    for (const std::string& name : *names) {
      for (const Entry& pattern : patterns_) {
        if (Decides(pattern, name)) add(pattern, name);
      }
    }
    return;
  }
  for (const Entry& pattern : patterns_) {
    const auto found = members.find(pattern.queue.get());
    if (found == members.end()) continue;
    for (const std::string& name_in_redis : found->second) {
      const auto star = Star(pattern.queue->name_in_redis, name_in_redis);
      if (!star) continue;
      const std::string name = WithStar(pattern.queue->name, *star);
      if (Decides(pattern, name)) add(pattern, name);
    }
  }
}

std::vector<Queue> QueueCatalog::Find(std::string_view ns, QueueMetric metric, const LabelSelector& selector,
                                      const Members& members) const {
  std::vector<Queue> queues;
  AddNamed(ns, selector, queues);
  AddOfPatterns(ns, selector, members, queues);
  if (queues.empty()) {
    const bool is_pattern_meant = PinnedNames(selector) == nullptr && !patterns_.empty();
    throw MetricNotFoundError(
        "no queue matches the selector " + QuoteBeginning(selector.ToString()) + "; " + WhatThereIs(ns) +
        (is_pattern_meant ? "; those of a pattern must be named, by queue=NAME or queue in (NAME,NAME)" : ""));
  }
  if (queues.size() > kMaxQueues) {
    throw MetricNotFoundError("the selector means " + std::to_string(queues.size()) +
                              " queues; one request may ask for " + std::to_string(kMaxQueues));
  }
  for (Queue& queue : queues) Want(metric, queue);
  std::sort(queues.begin(), queues.end(), [](const Queue& a, const Queue& b) {
    const auto key = [](const Queue& queue) {
      return std::tie(queue.labels.find(kQueue)->second, queue.configured->settings.redis);
    };
    return key(a) < key(b);
  });
  return queues;
}

std::string QueueCatalog::WhatThereIs(std::string_view ns) const {
  constexpr std::size_t kMost = 10;
  std::vector<std::string> texts;
  for (const Entry& entry : named_) {
    if (texts.size() > kMost) break;
    if (MaySee(ns, *entry.queue)) texts.push_back(LabelsText(entry.labels));
  }
  for (const Entry& pattern : patterns_) {
    if (texts.size() > kMost) break;
    if (!MaySee(ns, *pattern.queue)) continue;
    Labels labels = pattern.labels;
    labels.emplace(kQueue, pattern.queue->name);
    texts.push_back(LabelsText(labels));
  }
  const std::string whose = "the namespace " + QuoteBeginning(ns) + " may see ";
  if (texts.empty()) return whose + "none";
  std::string all;
  for (std::size_t i = 0; i < std::min(texts.size(), kMost); ++i) all += (i == 0 ? "" : " and ") + texts[i];
  return whose + all + (texts.size() > kMost ? " and more" : "");
}

}  // namespace metrics
