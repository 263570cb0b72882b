// Files that are read whole: certificates, keys, secrets, tokens.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace server {

/// More than a ConfigMap or a Secret can hold.
inline constexpr std::size_t kMostBytes = std::size_t{8} << 20U;

/// Never waits: what is no regular file, or has more than kMostBytes, is refused.
/// Throws std::system_error: "cannot read PATH: REASON".
std::string ReadFile(const std::filesystem::path& path);

}  // namespace server
