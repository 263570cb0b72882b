// The names of keys, with places for the names of a queue and of a worker.
#pragma once

#include <string>
#include <string_view>

namespace metrics::layouts {

/// `pattern` with `queue` for each "{queue}" and `worker` for each "{worker}". Other braces stay:
/// "asynq:{{queue}}:lease" gives "asynq:{emails}:lease".
std::string KeyOf(std::string_view pattern, std::string_view queue, std::string_view worker = {});

}  // namespace metrics::layouts
