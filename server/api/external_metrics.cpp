#include "server/api/external_metrics.h"

#include <chrono>
#include <utility>

#include "server/wire/quantity.h"

namespace server::api {
namespace {

std::string ValueText(const metrics::MetricSample& sample) {
  return wire::QuantityText(wire::ClampForHpa(sample.value));
}

/// Spelled as the label selector that picks this queue.
std::string LabelsText(const metrics::Labels& labels) {
  std::string text;
  for (const auto& [key, value] : labels) {
    text += (text.empty() ? "" : ",") + key + "=" + value;
  }
  return text;
}

}  // namespace

wire::ExternalMetricValueList ValueList(std::string_view metric, std::vector<metrics::MetricSample> samples) {
  wire::ExternalMetricValueList list;
  list.items.reserve(samples.size());
  for (metrics::MetricSample& sample : samples) {
    list.items.push_back({.metric_name = std::string(metric),
                          .metric_labels = std::move(sample.labels),
                          .timestamp = std::chrono::floor<std::chrono::seconds>(sample.timestamp),
                          .value = ValueText(sample)});
  }
  return list;
}

wire::Table ValueTable(std::string_view metric, const std::vector<metrics::MetricSample>& samples,
                       std::string_view version) {
  wire::Table table{
      .version = std::string(version),
      .columns = {{"Metric", "Name of the metric"}, {"Queue", "Labels of the queue"}, {"Value", "Last reading"}},
      .rows = {}};
  table.rows.reserve(samples.size());
  for (const metrics::MetricSample& sample : samples) {
    table.rows.push_back({std::string(metric), LabelsText(sample.labels), ValueText(sample)});
  }
  return table;
}

}  // namespace server::api
