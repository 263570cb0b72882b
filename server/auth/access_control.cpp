#include "server/auth/access_control.h"

#include <algorithm>
#include <string_view>

#include "server/api/request_info.h"
#include "server/auth/forbidden_message.h"

namespace server::auth {
namespace {

/// "Bearer TOKEN"; with a second blank in between, Kubernetes sees no token.
bool HasBearerToken(const http::Request& request) {
  constexpr std::string_view kScheme = "Bearer ";
  const std::string_view authorization = request.Header("Authorization").value_or("");
  return authorization.size() > kScheme.size() && authorization[kScheme.size()] != ' ' &&
         http::EqualsIgnoringCase(authorization.substr(0, kScheme.size()), kScheme);
}

bool AsksToImpersonate(const http::Request& request) {
  constexpr std::string_view kPrefix = "Impersonate-";
  return std::ranges::any_of(request.headers, [&](const auto& header) {
    return http::EqualsIgnoringCase(std::string_view(header.first).substr(0, kPrefix.size()), kPrefix);
  });
}

bool IsHealthEndpoint(const http::Request& request) {
  return request.path == "/healthz" || request.path == "/livez" || request.path == "/readyz";
}

}  // namespace

std::optional<Denial> OpenAccess::Check(const http::Request& /*request*/) const { return std::nullopt; }

std::optional<Denial> ClientCertificateAccess::Check(const http::Request& request) const {
  if (request.client_certificate) {
    // To answer as if it had been the caller who asked would be worse than not to answer.
    return AsksToImpersonate(request) ? std::optional(Denial{403, "forbidden: impersonation is not supported"})
                                      : std::nullopt;
  }
  if (HasBearerToken(request)) {
    return Denial{401, "Unauthorized"};  // Nobody here can tell whose it is.
  }
  if (IsHealthEndpoint(request)) {
    return std::nullopt;
  }
  return Denial{403, ForbiddenMessage("system:anonymous", api::ParseRequestInfo(request))};
}

}  // namespace server::auth
