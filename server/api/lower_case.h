// ASCII lower case, whatever the locale: for method names, and for metric names, which client-go lower-cases.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace server::api {

inline std::string LowerCase(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 'a' - 'A') : c; });
  return lower;
}

}  // namespace server::api
