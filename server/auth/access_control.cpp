#include "server/auth/access_control.h"

#include <chrono>
#include <utility>

#include "server/api/request_info.h"
#include "server/auth/forbidden_message.h"
#include "server/auth/request_traits.h"

namespace server::auth {
namespace {

/// To answer as if it had been the caller who asked would be worse than not to answer.
std::optional<Denial> DenialOfImpersonation(const http::Request& request) {
  return AsksToImpersonate(request) ? std::optional(Denial{403, "forbidden: impersonation is not supported"})
                                    : std::nullopt;
}

std::optional<Denial> DenialOf(const http::Request& request) {
  if (request.client_certificate && std::chrono::system_clock::now() < request.client_certificate->not_after) {
    return DenialOfImpersonation(request);
  }
  if (request.presented_certificates || !BearerToken(request).empty()) {
    return Denial{401, "Unauthorized"};  // Nobody here can tell whose they are.
  }
  if (IsHealthEndpoint(request)) {
    return std::nullopt;
  }
  return Denial{403, ForbiddenMessage("system:anonymous", api::ParseRequestInfo(request))};
}

}  // namespace

void OpenAccess::Check(const http::Request& request, VerdictCallback decided) const {
  decided({.denial = DenialOfImpersonation(request)});
}

void ClientCertificateAccess::Check(const http::Request& request, VerdictCallback decided) const {
  Verdict verdict{.denial = DenialOf(request)};
  if (request.client_certificate) {
    verdict.user = request.client_certificate->common_name;
    verdict.proof = Proof::kClientCertificate;
  }
  decided(std::move(verdict));
}

}  // namespace server::auth
