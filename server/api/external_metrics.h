// Samples as the API's documents.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "metrics/metric_provider.h"
#include "server/wire/objects.h"

namespace server::api {

/// What an HPA reads: it adds up the items.
wire::ExternalMetricValueList ValueList(std::string_view metric, std::vector<metrics::MetricSample> samples);

/// What `kubectl get METRIC` prints; `version` is the one of meta.k8s.io that the client asked for.
wire::Table ValueTable(std::string_view metric, const std::vector<metrics::MetricSample>& samples,
                       std::string_view version);

}  // namespace server::api
