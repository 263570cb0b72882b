// Every error this server answers with, worded as k8s.io/apimachinery/pkg/api/errors words it. The messages reach users
// through the events of their HPAs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/wire/objects.h"

namespace server::wire {

Status RouteNotFound();
/// `message` says what is known.
Status MetricNotFound(std::string_view metric, std::string message);

Status BadRequest(std::string message);
/// A combination of list parameters that makes no sense; `causes` is not empty.
Status InvalidListOptions(std::vector<StatusCause> causes);

Status Unauthorized();
/// `details` names the resource; empty for a path that is none.
Status Forbidden(std::string message, StatusDetails details);

Status MethodNotAllowed();
Status WatchNotSupported();
/// `media_types` are those that would have been accepted, separated by ", ".
Status NotAcceptable(std::string_view media_types);

/// `cause` is for the client: one sentence, no secret.
Status InternalError(std::string cause);
Status ServiceUnavailable(std::string message);
/// The request's own deadline has passed.
Status RequestTimeout();

}  // namespace server::wire
