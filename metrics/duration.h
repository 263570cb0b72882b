// Durations as Kubernetes spells them: Go's time.ParseDuration.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <variant>

namespace metrics {

/// "300ms", "1.5h", "2h45m", "-1s", "0"; units ns, us, µs, ms, s, m, h.
/// Otherwise Go's error text, such as: time: missing unit in duration "5".
std::variant<std::chrono::nanoseconds, std::string> ParseDuration(std::string_view text);

}  // namespace metrics
