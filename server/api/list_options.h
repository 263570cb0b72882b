// The query parameters of a list, as k8s.io/apimachinery decodes and validates its ListOptions (0.37).
#pragma once

#include "metrics/label_selector.h"
#include "server/http/http_message.h"

namespace server::api {

/// Any value of `watch` asks for a watch, even none, except for "0" and "false".
bool IsWatch(const http::Request& request);

/// What a list of metrics can be restricted by. The other parameters are checked, as clients expect, and then have no
/// meaning here: there are no versions to choose from and no pages to turn.
/// Throws ApiError: 400 for a parameter that cannot be parsed, 422 for a combination that makes no sense, 405 for a
/// watch.
metrics::LabelSelector ParseListOptions(const http::Request& request);

}  // namespace server::api
