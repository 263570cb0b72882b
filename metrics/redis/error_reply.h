// What the error replies of Redis mean.
#pragma once

#include <string>
#include <string_view>

#include "metrics/metric_provider.h"

namespace metrics::redis {

/// The first word of an error reply: "WRONGTYPE".
std::string_view ErrorCode(std::string_view error);

/// Told by the first word alone, the only part of an error that Redis keeps stable.
UnavailableKind KindOfError(std::string_view error);

/// The error between quotes, printable and bounded, for a message to a client.
std::string QuoteError(std::string_view error);

}  // namespace metrics::redis
