// The aggregated API: every request this server answers, from the URL to the document.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/metric_provider.h"
#include "server/api/health.h"
#include "server/api/version.h"
#include "server/auth/access_control.h"
#include "server/http/http_message.h"

namespace server::api {

struct ApiServerParts {
  metrics::MetricProvider& provider;
  const auth::AccessControl& access;
  std::vector<HealthCheck> livez;  // For /healthz, too.
  std::vector<HealthCheck> readyz;
  std::function<std::string()> render_metrics;  // In Prometheus' text format.
  VersionInfo version;
  /// The cause of an answer 500, which the client is not told.
  std::function<void(const http::Request& request, std::string_view cause)> report_failure;
  std::chrono::nanoseconds request_timeout = std::chrono::seconds(60);  // As kube-apiserver's own.
};

/// The answer to a request, and what access control said about who asked. Must not throw.
using Answered = std::function<void(http::Response response, const auth::Verdict& verdict)>;

/// Safe to call from several threads at once; the functions in its parts are then called so, too.
///
///   /apis[/external.metrics.k8s.io[/v1beta1]]                            discovery
///   /apis/external.metrics.k8s.io/v1beta1/namespaces/{namespace}/{metric}  values
///   /openapi/v2  /openapi/v3[/apis/external.metrics.k8s.io/v1beta1]
///   /healthz  /livez  /readyz, and /{check} below each  /metrics  /version
///
/// Everything else is 404. Access is checked before the path is looked at, then the method, Accept and the query, in
/// this order, as kube-apiserver's library does; the first refusal is the answer.
class ApiServer {
 public:
  /// What `parts` refers to must outlive the server.
  explicit ApiServer(ApiServerParts parts);

  /// Never blocks. Calls `answered` exactly once: in this call, or in another thread when an answer takes asking
  /// others. `request` must live until then. The body is that of a GET for HEAD, too; whoever sends it leaves it out.
  void Handle(const http::Request& request, Answered answered) const noexcept;

 private:
  class Exchange;
  using ExchangePtr = std::shared_ptr<const Exchange>;

  void Answer(const ExchangePtr& exchange) const;
  void AnswerApis(const ExchangePtr& exchange, std::chrono::steady_clock::time_point deadline) const;
  void AnswerMetric(const ExchangePtr& exchange, std::chrono::steady_clock::time_point deadline, const std::string& ns,
                    const std::string& metric) const;
  http::Response AnswerOpenApi(const http::Request& request) const;
  http::Response AnswerHealth(const http::Request& request) const;

  /// Calls `answer`, which responds as its last act or throws; then the error is the answer.
  template <typename Act>
  void OrError(const Exchange& exchange, Act answer) const noexcept;

  std::chrono::steady_clock::time_point Deadline(const http::Request& request) const;

  const ApiServerParts parts_;
};

}  // namespace server::api
