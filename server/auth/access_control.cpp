#include "server/auth/access_control.h"

#include <chrono>

#include "server/api/request_info.h"
#include "server/auth/forbidden_message.h"
#include "server/auth/request_traits.h"

namespace server::auth {

std::optional<Denial> OpenAccess::Check(const http::Request& /*request*/) const { return std::nullopt; }

std::optional<Denial> ClientCertificateAccess::Check(const http::Request& request) const {
  if (request.client_certificate && std::chrono::system_clock::now() < request.client_certificate->not_after) {
    // To answer as if it had been the caller who asked would be worse than not to answer.
    return AsksToImpersonate(request) ? std::optional(Denial{403, "forbidden: impersonation is not supported"})
                                      : std::nullopt;
  }
  if (!BearerToken(request).empty()) {
    return Denial{401, "Unauthorized"};  // Nobody here can tell whose it is.
  }
  if (IsHealthEndpoint(request)) {
    return std::nullopt;
  }
  return Denial{403, ForbiddenMessage("system:anonymous", api::ParseRequestInfo(request))};
}

}  // namespace server::auth
