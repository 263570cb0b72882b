// Dates in HTTP headers.
#pragma once

#include <chrono>
#include <string>

namespace server::http {

/// RFC 9110 5.6.7: "Tue, 24 Nov 2026 06:12:00 GMT", whatever the locale.
std::string FormatHttpDate(std::chrono::system_clock::time_point time);

}  // namespace server::http
