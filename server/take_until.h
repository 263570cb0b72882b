// Lists in text, taken apart from the front.
#pragma once

#include <string_view>

namespace server {

/// The text before `separator`, which is removed from `rest` together with it; all of `rest` if there is none.
inline std::string_view TakeUntil(std::string_view& rest, char separator) {
  const std::size_t end = rest.find(separator);
  const std::string_view taken = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  return taken;
}

}  // namespace server
