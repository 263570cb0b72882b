#include "metrics/metric_provider.h"

namespace metrics {

std::string_view Name(UnavailableKind kind) {
  switch (kind) {
    case UnavailableKind::kTimeout:
      return "timeout";
    case UnavailableKind::kConnection:
      return "connection";
    case UnavailableKind::kProtocol:
      return "protocol";
    case UnavailableKind::kAuth:
      return "auth";
    case UnavailableKind::kLoading:
      return "loading";
    case UnavailableKind::kWrongType:
      return "wrong_type";
    case UnavailableKind::kTooLarge:
      return "too_large";
    case UnavailableKind::kOverload:
      return "overload";
    case UnavailableKind::kServer:
      break;
  }
  return "server";
}

}  // namespace metrics
