// The sentence that tells somebody what they may not do, as k8s.io/apiserver words it.
#pragma once

#include <string>
#include <string_view>

#include "server/api/request_info.h"

namespace server::auth {

/// redis_queue_length.external.metrics.k8s.io is forbidden: User "jane" cannot list resource "redis_queue_length" in
/// API group "external.metrics.k8s.io" in the namespace "shop". Nothing in it looks like HTML, whoever `user` is.
std::string ForbiddenMessage(std::string_view user, const api::RequestInfo& request);

}  // namespace server::auth
