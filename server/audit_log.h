// The audit: who asked what, and what was answered. One line for each request, at a log level of its own.
#pragma once

#include "server/api/request_info.h"
#include "server/auth/delegated_access.h"
#include "server/http/http_message.h"

namespace server {

/// Notes who the request that this thread serves is from, for the line that AuditAnswer() writes. An auth::AuditSink.
void AuditDecision(const auth::AuditRecord& record);

/// `info` is derived of `request`. Nothing of a request is written but what is public: no token, no other header.
void AuditAnswer(const http::Request& request, const api::RequestInfo& info, int status);

}  // namespace server
