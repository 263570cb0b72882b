// Which queues the server knows: by flags, or by a file that is followed.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "metrics/queue_config.h"
#include "metrics/queue_metric_provider.h"
#include "metrics/redis/redis_options.h"
#include "server/api/health.h"
#include "server/follower.h"
#include "server/options.h"
#include "server/telemetry.h"

namespace server {

/// The text has a line "FILE:LINE:COLUMN: PROBLEM" for each problem.
class ConfigurationError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What the file says, or the flags if there is none. It names one Redis at least.
/// Throws ConfigurationError, and std::system_error if the file cannot be read.
metrics::QueueConfig LoadConfiguration(const QueueOptions& options);

/// How the servers of a configured Redis are reached. `options` must outlive what is returned.
metrics::redis::SourceOptions SourceOptionsOf(const QueueOptions& options, const metrics::SourceConfig& source);

/// Keeps a provider in step with the file, and tells log and telemetry about it.
class Configuration {
 public:
  /// All must outlive this. Throws what LoadConfiguration() throws, or says of credentials that cannot be read.
  Configuration(const QueueOptions& options, metrics::QueueMetricProvider& provider, Telemetry& telemetry);

  /// What is not in use as it is in the file; never necessary to be ready.
  std::vector<api::HealthCheck> Readyz() const;

 private:
  std::string Load();
  void Use(const std::string& text);
  void Report(const std::optional<std::string>& problem);

  const QueueOptions& options_;
  metrics::QueueMetricProvider& provider_;
  Telemetry& telemetry_;
  std::optional<Follower<std::string>> follower_;  // Last, because its thread uses the rest.
};

}  // namespace server
