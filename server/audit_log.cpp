#include "server/audit_log.h"

#include <algorithm>
#include <string>

#include "server/log.h"

namespace server {
namespace {

std::string_view Name(auth::Proof proof) {
  switch (proof) {
    case auth::Proof::kFrontProxy:
      return "front-proxy";
    case auth::Proof::kClientCertificate:
      return "client-certificate";
    case auth::Proof::kToken:
      return "token";
    case auth::Proof::kNone:
      break;
  }
  return "none";
}

/// The client's, or one that was made for it.
std::string_view AuditId(const http::Response& response) {
  const auto found = std::ranges::find(response.headers, "Audit-Id", &http::Headers::value_type::first);
  return found == response.headers.end() ? std::string_view() : found->second;
}

}  // namespace

void AuditAnswer(const http::Request& request, const api::RequestInfo& info, const auth::Verdict& verdict,
                 const http::Response& response) {
  if (!LogEnabled(LogLevel::kAudit)) {
    return;
  }
  Log(LogLevel::kAudit, "request",
      {{"user", verdict.user},
       {"proof", Name(verdict.proof)},
       {"verb", info.verb},
       {"path", request.path},
       {"selector", request.QueryValue("labelSelector").value_or("")},
       {"code", std::to_string(response.status)},
       {"reason", verdict.reason},
       {"audit_id", AuditId(response)},
       {"address", request.remote_address}});
}

}  // namespace server
