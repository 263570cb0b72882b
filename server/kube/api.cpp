#include "server/kube/api.h"

#include "server/kube/json.h"

namespace server::kube {

std::string FailureText(const ApiResponse& response) {
  const auto status = Json::Parse(response.body);
  const std::string message = status ? (*status)["message"].String() : "";
  return message.empty() ? "kube-apiserver answered " + std::to_string(response.status) : message;
}

}  // namespace server::kube
