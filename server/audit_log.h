// The audit: who asked what, and what was answered. One line for each request, at a log level of its own.
#pragma once

#include "server/api/request_info.h"
#include "server/auth/access_control.h"
#include "server/http/http_message.h"

namespace server {

/// `info` is derived of `request`. Nothing of a request is written but what is public: no token, no other header.
void AuditAnswer(const http::Request& request, const api::RequestInfo& info, const auth::Verdict& verdict,
                 const http::Response& response);

}  // namespace server
