#include "server/audit_log.h"

#include <optional>
#include <string>
#include <utility>

#include "server/log.h"

namespace server {
namespace {

struct Decision {
  std::string user;
  std::string_view proof;
  std::string reason;
};

/// From the decision about a request to its answer, which are made by one thread.
thread_local std::optional<Decision> current_decision;

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

/// Where no decision was noted, the certificate that the listener verified says all there is to say.
Decision FromListener(const http::Request& request) {
  return request.client_certificate
             ? Decision{request.client_certificate->common_name, Name(auth::Proof::kClientCertificate), ""}
             : Decision{"", Name(auth::Proof::kNone), ""};
}

}  // namespace

void AuditDecision(const auth::AuditRecord& record) {
  if (!LogEnabled(LogLevel::kAudit)) {
    return;
  }
  current_decision = Decision{record.identity == nullptr ? "" : record.identity->user.name,
                              Name(record.identity == nullptr ? auth::Proof::kNone : record.identity->proof),
                              std::string(record.reason)};
}

void AuditAnswer(const http::Request& request, const api::RequestInfo& info, int status) {
  if (!LogEnabled(LogLevel::kAudit)) {
    return;
  }
  const Decision decision = std::exchange(current_decision, std::nullopt).value_or(FromListener(request));
  Log(LogLevel::kAudit, "request",
      {{"user", decision.user},
       {"proof", decision.proof},
       {"verb", info.verb},
       {"path", request.path},
       {"selector", request.QueryValue("labelSelector").value_or("")},
       {"code", std::to_string(status)},
       {"reason", decision.reason},
       {"audit_id", request.Header("Audit-Id").value_or("")},
       {"address", request.remote_address}});
}

}  // namespace server
