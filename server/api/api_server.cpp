#include "server/api/api_server.h"

#include <algorithm>
#include <array>
#include <new>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <utility>
#include <variant>

#include "metrics/duration.h"
#include "server/api/api_error.h"
#include "server/api/discovery.h"
#include "server/api/document_hash.h"
#include "server/api/external_metrics.h"
#include "server/api/list_options.h"
#include "server/api/lower_case.h"
#include "server/api/openapi.h"
#include "server/api/request_info.h"
#include "server/http/http_date.h"
#include "server/take_until.h"
#include "server/wire/json.h"
#include "server/wire/negotiation.h"
#include "server/wire/protobuf.h"
#include "server/wire/status_errors.h"

namespace server::api {
namespace {

using std::chrono::steady_clock;

constexpr std::array kPlainForms{wire::Form{}};
constexpr std::array kJsonForms{wire::Form{"", "", "", false}};
constexpr std::array kMetricForms{wire::Form{}, wire::Form{"Table", "meta.k8s.io", "v1", false},
                                  wire::Form{"Table", "meta.k8s.io", "v1beta1", false}};
constexpr std::array kAggregatedForms{wire::Form{"APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2"}};

constexpr wire::Offer kDocumentOffer{.forms = kPlainForms};
constexpr wire::Offer kMetricOffer{.forms = kMetricForms};
constexpr wire::Offer kAggregatedOffer{.forms = kAggregatedForms};
constexpr wire::Offer kErrorOffer{.forms = kPlainForms, .is_routed = false};
constexpr wire::Offer kOpenApiOffer{.forms = kJsonForms, .is_routed = false};

std::optional<wire::MediaType> TryNegotiate(const http::Request& request, const wire::Offer& offer) {
  return wire::Negotiate(request.Header("Accept").value_or(""), offer);
}

/// The HPA controller says the same each time, so each thread remembers what came of it.
std::optional<wire::MediaType> TryNegotiateMetric(const http::Request& request) {
  thread_local std::string known_accept;
  thread_local auto known_type = wire::Negotiate(known_accept, kMetricOffer);
  const std::string_view accept = request.Header("Accept").value_or("");
  if (accept != known_accept) {
    const auto type = wire::Negotiate(accept, kMetricOffer);
    known_accept = accept;
    known_type = type;
  }
  return known_type;
}

/// Throws ApiError for none.
wire::MediaType Acceptable(const std::optional<wire::MediaType>& type) {
  if (!type) {
    throw ApiError(
        wire::NotAcceptable(std::string(wire::kJsonMediaType) + ", " + std::string(wire::kProtobufMediaType)));
  }
  return *type;
}

/// Programs get compact JSON, people who look at it with a browser or curl get it indented, unless they say otherwise.
bool WantsPretty(const http::Request& request) {
  const std::string_view pretty = request.QueryValue("pretty").value_or("");
  if (!pretty.empty()) {
    constexpr std::array<std::string_view, 6> kTrue{"1", "t", "T", "true", "True", "TRUE"};
    return std::ranges::find(kTrue, pretty) != kTrue.end();
  }
  const std::string_view agent = request.Header("User-Agent").value_or("");
  return agent.starts_with("curl") || agent.starts_with("Wget") || agent.starts_with("Mozilla/5.0");
}

wire::JsonStyle StyleFor(const http::Request& request, const wire::MediaType& type) {
  return type.pretty || WantsPretty(request) ? wire::JsonStyle::kPretty : wire::JsonStyle::kCompact;
}

template <typename Object>
http::Response Encode(const http::Request& request, const wire::MediaType& type, const Object& object) {
  if (type.encoding == wire::Encoding::kProtobuf) {
    return {200, std::string(wire::kProtobufMediaType), wire::EncodeProtobuf(object), {}};
  }
  return {200, std::string(wire::kJsonMediaType), wire::EncodeJson(object, StyleFor(request, type)), {}};
}

http::Response EncodeError(const http::Request& request, const wire::Status& status) {
  const auto type = TryNegotiate(request, kErrorOffer);
  // An error is told even to those who cannot be told in their language.
  http::Response response = Encode(request, type.value_or(wire::MediaType{.form = {}, .pretty = true}), status);
  response.status = status.code;
  if (status.code == 403) {
    response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  }
  return response;
}

http::Response Denied(const http::Request& request, const auth::Denial& denial) {
  if (denial.code == 401) {
    return EncodeError(request, wire::Unauthorized());
  }
  if (denial.code == 500) {  // Nobody could tell whether the request may go on; kube-apiserver says so in plain text.
    return {500, "text/plain; charset=utf-8", denial.message + "\n", {{"X-Content-Type-Options", "nosniff"}}};
  }
  RequestInfo info = ParseRequestInfo(request);
  return EncodeError(request, wire::Forbidden(denial.message, {.name = std::move(info.name),
                                                               .group = std::string(info.group),
                                                               .kind = std::string(info.resource),
                                                               .causes = {}}));
}

void RequireMethod(const http::Request& request, bool head_too) {
  if (request.method != "GET" && !(head_too && request.method == "HEAD")) {
    throw ApiError(wire::MethodNotAllowed());
  }
}

/// `tag` is one of the entity tags of an If-None-Match, weak or not (RFC 9110 13.1.2).
bool Names(std::string_view if_none_match, std::string_view tag) {
  while (!if_none_match.empty()) {
    std::string_view listed = http::Trim(TakeUntil(if_none_match, ','));
    if (listed.starts_with("W/")) {
      listed.remove_prefix(2);
    }
    if (listed == tag || listed == "*") {
      return true;
    }
  }
  return false;
}

/// Sets the ETag. Drops the body if the client says that it has it.
http::Response Cacheable(const http::Request& request, http::Response response, const std::string& hash) {
  const std::string tag = "\"" + hash + "\"";
  response.headers.emplace_back("ETag", tag);
  if (Names(request.Header("If-None-Match").value_or(""), tag)) {
    response.status = 304;
    response.content_type.clear();
    response.body.clear();
  }
  return response;
}

http::Response AggregatedDiscovery(const http::Request& request, const wire::MediaType& type,
                                   const wire::ApiGroupDiscoveryList& list) {
  http::Response response = Encode(request, type, list);
  response.content_type += ";g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
  response.headers = {{"Vary", "Accept"}, {"Cache-Control", "public"}};
  return Cacheable(request, std::move(response), DocumentHash(wire::EncodeJson(list, wire::JsonStyle::kCompact)));
}

/// Throws ApiError if there are none.
std::vector<metrics::MetricSample> SamplesOf(metrics::MetricResult result, const std::string& metric,
                                             steady_clock::time_point deadline) {
  if (const auto* missing = std::get_if<metrics::MetricNotFound>(&result)) {
    throw ApiError(wire::MetricNotFound(metric, missing->text));
  }
  if (const auto* unavailable = std::get_if<metrics::MetricUnavailable>(&result)) {
    throw ApiError(steady_clock::now() < deadline ? wire::ServiceUnavailable(unavailable->text)
                                                  : wire::RequestTimeout());
  }
  auto samples = std::get<std::vector<metrics::MetricSample>>(std::move(result));
  if (samples.empty()) {
    throw std::logic_error("the provider gave no sample of " + metric);
  }
  return samples;
}

http::Response MetricResponse(const http::Request& request, const wire::MediaType& type, const std::string& metric,
                              std::vector<metrics::MetricSample> samples) {
  if (type.form.kind == "Table") {
    const wire::Table table = ValueTable(metric, samples, type.form.version);
    return {200, std::string(wire::kJsonMediaType), wire::EncodeJson(table, StyleFor(request, type)), {}};
  }
  return Encode(request, type, ValueList(metric, std::move(samples)));
}

/// A random UUID (RFC 9562, version 4).
std::string NewUuid() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  std::string uuid = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    bits = i % 16 == 0 ? random() : bits >> 4U;
    const std::uint64_t value = bits & 0xfU;
    if (uuid[i] == 'x' || uuid[i] == 'y') {
      uuid[i] = "0123456789abcdef"[uuid[i] == 'y' ? (value & 0x3U) | 0x8U : value];
    }
  }
  return uuid;
}

void AddCommonHeaders(const http::Request& request, http::Response& response) {
  response.headers.reserve(response.headers.size() + 2);
  const auto is_cache_control = [](const auto& header) { return header.first == "Cache-Control"; };
  if (std::ranges::none_of(response.headers, is_cache_control)) {
    response.headers.emplace_back("Cache-Control", "no-cache, private");
  }
  const std::string_view audit_id = request.Header("Audit-Id").value_or("");
  response.headers.emplace_back("Audit-Id", audit_id.empty() ? NewUuid() : std::string(audit_id));
}

}  // namespace

ApiServer::ApiServer(ApiServerParts parts) : parts_(std::move(parts)) {}

/// A request that access control has judged, until it is answered.
class ApiServer::Exchange {
 public:
  Exchange(const http::Request& request, Answered answered, auth::Verdict verdict)
      : request_(request), answered_(std::move(answered)), verdict_(std::move(verdict)) {}

  const http::Request& request() const { return request_; }
  const std::optional<auth::Denial>& denial() const { return verdict_.denial; }

  void Respond(http::Response response) const {
    AddCommonHeaders(request_, response);
    answered_(std::move(response), verdict_);
  }

  /// When there is none even for an error.
  void RespondWithoutMemory() const {
    answered_({.status = 503, .content_type = {}, .body = {}, .headers = {}}, verdict_);
  }

 private:
  const http::Request& request_;
  const Answered answered_;
  const auth::Verdict verdict_;
};

void ApiServer::Handle(const http::Request& request, Answered answered) const noexcept {
  parts_.access.Check(request, [this, &request, answered = std::move(answered)](auth::Verdict verdict) mutable {
    const auto exchange = std::make_shared<const Exchange>(request, std::move(answered), std::move(verdict));
    OrError(*exchange, [&] {
      if (exchange->denial()) {
        exchange->Respond(Denied(request, *exchange->denial()));
      } else {
        Answer(exchange);
      }
    });
  });
}

template <typename Act>
void ApiServer::OrError(const Exchange& exchange, Act answer) const noexcept {
  try {
    try {
      answer();
    } catch (const ApiError& error) {
      exchange.Respond(EncodeError(exchange.request(), error.status()));
    } catch (const std::exception& error) {
      parts_.report_failure(exchange.request(), error.what());
      exchange.Respond(EncodeError(exchange.request(), wire::InternalError("the server's log says why")));
    }
  } catch (const std::bad_alloc&) {
    exchange.RespondWithoutMemory();
  }
}

void ApiServer::Answer(const ExchangePtr& exchange) const {
  const http::Request& request = exchange->request();
  const auto deadline = Deadline(request);  // kube-apiserver refuses a timeout that is none on whatever path.
  const std::string& first = request.segments.front();
  if (first == "apis") {
    return AnswerApis(exchange, deadline);
  }
  if (first == "healthz" || first == "livez" || first == "readyz") {
    return exchange->Respond(AnswerHealth(request));
  }
  if (first == "openapi") {
    return exchange->Respond(AnswerOpenApi(request));
  }
  if (request.segments.size() == 1 && first == "metrics") {
    RequireMethod(request, true);
    return exchange->Respond({200, "text/plain; version=0.0.4; charset=utf-8", parts_.render_metrics(), {}});
  }
  if (request.segments.size() == 1 && first == "version") {
    RequireMethod(request, false);
    return exchange->Respond({200, std::string(wire::kJsonMediaType), VersionJson(parts_.version), {}});
  }
  throw ApiError(wire::RouteNotFound());
}

void ApiServer::AnswerApis(const ExchangePtr& exchange, steady_clock::time_point deadline) const {
  const http::Request& request = exchange->request();
  std::span<const std::string> path = request.segments;
  if (path.back().empty()) {
    path = path.first(path.size() - 1);
  }
  const bool known = (path.size() < 2 || path[1] == wire::kGroup) && (path.size() < 3 || path[2] == wire::kVersion);
  const bool metric = path.size() == 6 && path[3] == "namespaces" && !path[4].empty() && !path[5].empty();
  if (!known || (path.size() > 3 && !metric)) {
    throw ApiError(wire::RouteNotFound());
  }
  RequireMethod(request, false);
  if (metric) {
    return AnswerMetric(exchange, deadline, path[4], path[5]);
  }
  if (path.size() == 1) {
    // A client that can read the aggregated document gets it, whatever else it accepts.
    if (const auto aggregated = TryNegotiate(request, kAggregatedOffer)) {
      return exchange->Respond(AggregatedDiscovery(request, *aggregated, DescribeAll(parts_.provider.List())));
    }
  }
  const wire::MediaType type = Acceptable(TryNegotiate(request, kDocumentOffer));
  switch (path.size()) {
    case 1:
      return exchange->Respond(Encode(request, type, DescribeGroups()));
    case 2:
      return exchange->Respond(Encode(request, type, DescribeGroup()));
    default:
      return exchange->Respond(Encode(request, type, DescribeResources(parts_.provider.List())));
  }
}

void ApiServer::AnswerMetric(const ExchangePtr& exchange, steady_clock::time_point deadline, const std::string& ns,
                             const std::string& metric) const {
  const http::Request& request = exchange->request();
  const wire::MediaType type = Acceptable(TryNegotiateMetric(request));
  metrics::MetricQuery query{.ns = ns, .metric = LowerCase(metric), .selector = {}, .deadline = deadline};
  query.selector = ParseListOptions(request);
  // `metric` is a part of the request, which lives until there is an answer.
  parts_.provider.Get(std::move(query), [this, exchange, &metric, type, deadline](metrics::MetricResult result) {
    OrError(*exchange, [&] {
      exchange->Respond(
          MetricResponse(exchange->request(), type, metric, SamplesOf(std::move(result), metric, deadline)));
    });
  });
}

std::chrono::steady_clock::time_point ApiServer::Deadline(const http::Request& request) const {
  std::chrono::nanoseconds timeout = parts_.request_timeout;
  const std::string_view text = request.QueryValue("timeout").value_or("");
  if (!text.empty()) {
    const auto parsed = metrics::ParseDuration(text);
    if (const auto* problem = std::get_if<std::string>(&parsed)) {
      throw ApiError(wire::BadRequest("invalid timeout specified in the request URL - " + *problem));
    }
    const auto asked = std::get<std::chrono::nanoseconds>(parsed);
    timeout = asked > asked.zero() ? std::min(asked, timeout) : timeout;
  }
  return steady_clock::now() + timeout;
}

http::Response ApiServer::AnswerOpenApi(const http::Request& request) const {
  const std::span<const std::string> path = request.segments;
  const bool v2 = path.size() == 2 && path[1] == "v2";
  const bool index = path.size() == 2 && path[1] == "v3";
  const bool v3 =
      path.size() == 5 && path[1] == "v3" && path[2] == "apis" && path[3] == wire::kGroup && path[4] == wire::kVersion;
  if (!v2 && !index && !v3) {
    throw ApiError(wire::RouteNotFound());
  }
  RequireMethod(request, true);
  http::Response response{200, std::string(wire::kJsonMediaType), "", {}};
  if (index) {
    response.body = OpenApiV3Index(DocumentHash(OpenApiV3(parts_.provider.List())));
    const std::string hash = DocumentHash(response.body);
    return Cacheable(request, std::move(response), hash);
  }
  response.headers.emplace_back("Vary", "Accept");
  // The documents' protobuf forms are asked for of kube-apiserver only, whose document has ours in it.
  if (!TryNegotiate(request, kOpenApiOffer)) {
    return {406, "", "", std::move(response.headers)};
  }
  response.body = v2 ? OpenApiV2(parts_.provider.List()) : OpenApiV3(parts_.provider.List());
  const std::string hash = DocumentHash(response.body);
  // kube-apiserver redirects an old hash to the current one. Ours must not: the aggregator turns a redirect of a server
  // behind it into 502. The current document is right in any case; it is just not to be kept under the old URL.
  if (v3 && request.QueryValue("hash") == hash) {
    response.headers.emplace_back("Cache-Control", "public, immutable");
    response.headers.emplace_back("Expires",
                                  http::FormatHttpDate(std::chrono::system_clock::now() + std::chrono::years(1)));
  }
  return Cacheable(request, std::move(response), hash);
}

http::Response ApiServer::AnswerHealth(const http::Request& request) const {
  const std::string& endpoint = request.segments.front();
  const std::vector<HealthCheck>& checks = endpoint == "readyz" ? parts_.readyz : parts_.livez;
  if (request.segments.size() == 1) {
    return ReportHealth(endpoint, checks, request);
  }
  const auto check = std::ranges::find(checks, request.segments[1], &HealthCheck::name);
  if (request.segments.size() > 2 || check == checks.end()) {
    throw ApiError(wire::RouteNotFound());
  }
  return ReportCheck(*check);
}

}  // namespace server::api
