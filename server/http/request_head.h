// The head of a request, bounded and checked before anything else sees it. cpp-httplib has no limit on header lines and
// percent-decodes header values, which identity headers must not be; so the strict reading of RFC 9112 is here, and
// what two parsers could understand differently (request smuggling) is refused.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "server/http/http_message.h"

namespace server::http {

struct HeadLimits {
  std::size_t bytes = 32 * 1024;  // A selector that names 400 queues fits; an HPA's is a hundred bytes.
  std::size_t lines = 2'000;      // kube-apiserver sends one for each group of a user.
};

/// Why a head is refused; the connection cannot be used any further.
struct HeadError {
  int status;
  std::string message;
};

/// Looks for the end of a head in `received`, of which the first `scanned` bytes were looked at before.
/// Its length with the blank line once it is complete; 0 while it is not.
/// Sets `error` for heads that can no longer become valid.
std::size_t FindHeadEnd(std::string_view received, std::size_t scanned, const HeadLimits& limits,
                        std::optional<HeadError>& error);

struct RequestHead {
  Request request;  // Without address and certificate, which only the connection knows.
  std::string version;
  /// The client asks to end the connection, or declares a body. No body is ever read: the connection ends after the
  /// answer instead, so that its bytes cannot be taken for a request.
  bool close = false;
};

/// `head` is complete, as FindHeadEnd measured it. Sets `error` when it breaks RFC 9112.
RequestHead ParseHead(std::string_view head, const HeadLimits& limits, std::optional<HeadError>& error);

}  // namespace server::http
