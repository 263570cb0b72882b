// The request target, read as Go's net/url reads it: kube-apiserver re-encodes targets by those rules, and the API's
// parameters are defined by them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace server::http {

struct RequestTarget {
  std::string path;                   // Decoded.
  std::vector<std::string> segments;  // `path` between its slashes, without the empty one before the first.
  std::vector<std::pair<std::string, std::string>> query;
};

/// Nothing for a target that is neither origin-form nor absolute-form (RFC 9112 3.2), or whose path has a bad escape.
/// Query pairs with a ';' or a bad escape are dropped, '+' is a space. Linear in the length of `target`.
std::optional<RequestTarget> ParseRequestTarget(std::string_view target);

}  // namespace server::http
