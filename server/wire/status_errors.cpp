#include "server/wire/status_errors.h"

#include <utility>

namespace server::wire {

Status RouteNotFound() {
  return {404, "NotFound", "the server could not find the requested resource", StatusDetails{}};
}

Status MetricNotFound(std::string_view metric, std::string message) {
  return {404, "NotFound", std::move(message),
          StatusDetails{
              .name = std::string(metric), .group = std::string(kGroup), .kind = std::string(metric), .causes = {}}};
}

Status BadRequest(std::string message) { return {400, "BadRequest", std::move(message), std::nullopt}; }

Status InvalidListOptions(std::vector<StatusCause> causes) {
  std::string problems;
  for (const StatusCause& cause : causes) {
    problems += (problems.empty() ? "" : ", ") + cause.field + ": " + cause.message;
  }
  if (causes.size() > 1) {
    problems = "[" + problems + "]";
  }
  return {422, "Invalid", "ListOptions.meta.k8s.io \"\" is invalid: " + problems,
          StatusDetails{.name = "", .group = "meta.k8s.io", .kind = "ListOptions", .causes = std::move(causes)}};
}

Status Unauthorized() { return {401, "Unauthorized", "Unauthorized", std::nullopt}; }

Status Forbidden(std::string message, StatusDetails details) {
  return {403, "Forbidden", std::move(message), std::move(details)};
}

Status MethodNotAllowed() {
  return {405, "MethodNotAllowed", "the server does not allow this method on the requested resource", StatusDetails{}};
}

Status WatchNotSupported() {
  return {405, "MethodNotAllowed", "watch is not supported on resources of kind \"*." + std::string(kGroup) + "\"",
          StatusDetails{.name = "", .group = std::string(kGroup), .kind = "*", .causes = {}}};
}

Status NotAcceptable(std::string_view media_types) {
  return {406, "NotAcceptable", "only the following media types are accepted: " + std::string(media_types),
          std::nullopt};
}

Status InternalError(std::string cause) {
  return {
      500, "InternalError", "Internal error occurred: " + cause,
      StatusDetails{.name = "", .group = "", .kind = "", .causes = {{.reason = "", .message = cause, .field = ""}}}};
}

Status ServiceUnavailable(std::string message) { return {503, "ServiceUnavailable", std::move(message), std::nullopt}; }

Status RequestTimeout() {
  return {504, "Timeout", "Timeout: request did not complete within the allotted timeout", StatusDetails{}};
}

}  // namespace server::wire
