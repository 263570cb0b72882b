// Jobs in keys that all queues of a database share, each of which names its queue.
#pragma once

#include <string_view>

namespace metrics::layouts {

/// Whether the job, or what a worker notes of it, may be of `queue`: what names no queue may be of any.
bool MayBeOf(std::string_view queue, std::string_view json);

}  // namespace metrics::layouts
