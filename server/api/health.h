// /livez, /readyz and /healthz in the words of k8s.io/apiserver/pkg/server/healthz.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "server/http/http_message.h"

namespace server::api {

struct HealthCheck {
  std::string name;
  /// What is wrong, or nothing. Called for each request, from several threads at once; must not block.
  std::function<std::optional<std::string>()> problem;
  /// Otherwise the check is shown and can be asked for, but nothing else depends on it.
  bool required = true;
};

/// All checks together. `endpoint` is "readyz" and the like. What is wrong is withheld, since anybody may ask.
///
///   [+]ping ok
///   [-]certificate failed: reason withheld
///   [-]redis failed: reason withheld (not required)
///   readyz check failed
http::Response ReportHealth(std::string_view endpoint, std::span<const HealthCheck> checks,
                            const http::Request& request);

/// One check, with what is wrong.
http::Response ReportCheck(const HealthCheck& check);

}  // namespace server::api
