// Files that are read whole: certificates, keys, secrets, tokens.
#pragma once

#include <filesystem>
#include <string>

namespace server {

/// Throws std::system_error: "cannot read PATH: REASON".
std::string ReadFile(const std::filesystem::path& path);

}  // namespace server
