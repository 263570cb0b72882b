#include "server/auth/request_traits.h"

#include <algorithm>

namespace server::auth {

std::string_view BearerToken(const http::Request& request) {
  std::string_view authorization = http::Trim(request.Header("Authorization").value_or(""));
  const std::string_view scheme = authorization.substr(0, authorization.find(' '));
  if (scheme.size() == authorization.size() || !http::EqualsIgnoringCase(scheme, "Bearer")) {
    return {};
  }
  authorization.remove_prefix(scheme.size() + 1);
  return authorization.substr(0, authorization.find(' '));
}

bool AsksToImpersonate(const http::Request& request) {
  constexpr std::string_view kPrefix = "Impersonate-";
  return std::ranges::any_of(request.headers, [=](const auto& header) {
    return http::EqualsIgnoringCase(std::string_view(header.first).substr(0, kPrefix.size()), kPrefix);
  });
}

bool IsHealthEndpoint(const http::Request& request) {
  return request.path == "/healthz" || request.path == "/livez" || request.path == "/readyz";
}

}  // namespace server::auth
