#include "metrics/redis/error_reply.h"

#include <array>
#include <utility>

#include "metrics/go_quote.h"

namespace metrics::redis {

std::string_view ErrorCode(std::string_view error) { return error.substr(0, error.find(' ')); }

UnavailableKind KindOfError(std::string_view error) {
  static constexpr auto kKinds = std::to_array<std::pair<std::string_view, UnavailableKind>>({
      {"WRONGTYPE", UnavailableKind::kWrongType},
      {"NOAUTH", UnavailableKind::kAuth},
      {"WRONGPASS", UnavailableKind::kAuth},
      {"NOPERM", UnavailableKind::kAuth},
      {"DENIED", UnavailableKind::kAuth},
      {"LOADING", UnavailableKind::kLoading},
      {"MASTERDOWN", UnavailableKind::kLoading},
      {"CLUSTERDOWN", UnavailableKind::kLoading},
      {"TRYAGAIN", UnavailableKind::kLoading},
      {"MOVED", UnavailableKind::kLoading},
      {"ASK", UnavailableKind::kLoading},
      {"BUSY", UnavailableKind::kLoading},
  });
  const std::string_view code = ErrorCode(error);
  for (const auto& [known, kind] : kKinds) {
    if (code == known) return kind;
  }
  return UnavailableKind::kServer;
}

std::string QuoteError(std::string_view error) {
  constexpr std::size_t kLongest = 200;
  return GoQuote(error.substr(0, kLongest));
}

}  // namespace metrics::redis
