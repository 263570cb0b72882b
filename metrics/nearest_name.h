// Guesses what a misspelt name was meant to be.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace metrics {

/// The one of `known` that `name` is likely to stand for: the same but for case, the beginning of one, or off by a
/// letter or two.
std::optional<std::string_view> NearestName(std::string_view name, std::span<const std::string_view> known);

}  // namespace metrics
