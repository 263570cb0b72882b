// What requests ask for apart from their path: things that Kubernetes' access control looks at first.
#pragma once

#include <string_view>

#include "server/http/http_message.h"

namespace server::auth {

/// The token of "Authorization: Bearer TOKEN", as kube-apiserver reads it; empty if there is none. A second blank in
/// between makes it none.
std::string_view BearerToken(const http::Request& request);

/// There is an Impersonate-* header. To answer as if it were not there would answer somebody else than was meant.
bool AsksToImpersonate(const http::Request& request);

/// /healthz, /livez or /readyz, which everybody may ask; not what is below them.
bool IsHealthEndpoint(const http::Request& request);

}  // namespace server::auth
