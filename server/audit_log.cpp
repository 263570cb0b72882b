#include "server/audit_log.h"

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

}  // namespace

void AuditAnswer(const http::Request& request, const api::RequestInfo& info, const auth::Verdict& verdict, int status) {
  if (!LogEnabled(LogLevel::kAudit)) {
    return;
  }
  Log(LogLevel::kAudit, "request",
      {{"user", verdict.user},
       {"proof", Name(verdict.proof)},
       {"verb", info.verb},
       {"path", request.path},
       {"selector", request.QueryValue("labelSelector").value_or("")},
       {"code", std::to_string(status)},
       {"reason", verdict.reason},
       {"audit_id", request.Header("Audit-Id").value_or("")},
       {"address", request.remote_address}});
}

}  // namespace server
