// Go's strconv.Quote (fmt's %q), for error texts that must equal Kubernetes' own.
#pragma once

#include <string>
#include <string_view>

namespace metrics {

/// `text` between double quotes, with Go's escapes for quotes, backslashes, characters that do not print and bytes that
/// are not UTF-8. The result is printable UTF-8 whatever `text` holds.
std::string GoQuote(std::string_view text);

/// The same of the beginning of `text`, which may be as long as a request: that says enough in an error.
std::string QuoteBeginning(std::string_view text);

}  // namespace metrics
