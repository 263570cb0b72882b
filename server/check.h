// `queue-metrics-server check`: what a configuration says, before or while a server goes by it.
#pragma once

#include <ostream>

#include "server/options.h"

namespace server {

/// Writes tables of the Redis and the queues; with `connect`, also what the queues hold, or why that cannot be known.
/// Returns whether all queues could be read.
/// Throws what LoadConfiguration() throws.
bool Check(const CheckOptions& options, std::ostream& out);

}  // namespace server
