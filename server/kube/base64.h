// RFC 4648, 4: how Kubernetes writes bytes in JSON and in YAML.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace server::kube {

std::string EncodeBase64(std::string_view bytes);

/// Line breaks as YAML leaves them are passed over, and padding may be missing. Nothing for what is not base64.
std::optional<std::string> DecodeBase64(std::string_view text);

}  // namespace server::kube
