#include "server/kube/api.h"

#include <utility>

namespace server::kube {

std::string Escaped(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_' ||
        c == '.') {
      escaped += c;
    } else {
      escaped += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return escaped;
}

std::string FailureText(const ApiResponse& response) {
  const auto status = Json::Parse(response.body);
  const std::string message = status ? (*status)["message"].String() : "";
  return message.empty() ? "kube-apiserver answered " + std::to_string(response.status) : message;
}

void RejectResponse(const ApiResponse& response) { throw ApiError(ApiError::Kind::kFailed, FailureText(response)); }

Json ObjectIn(const ApiResponse& response) {
  auto object = Json::Parse(response.body);
  if ((response.status != 200 && response.status != 201) || !object || !object->IsObject()) {
    RejectResponse(response);
  }
  return *std::move(object);
}

}  // namespace server::kube
