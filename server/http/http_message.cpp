#include "server/http/http_message.h"

#include <algorithm>

#include <strings.h>

namespace server::http {

bool EqualsIgnoringCase(std::string_view left, std::string_view right) {
  return left.size() == right.size() && strncasecmp(left.data(), right.data(), left.size()) == 0;
}

std::string_view Trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::optional<std::string_view> Request::QueryValue(std::string_view name) const {
  const auto found = std::find_if(query.begin(), query.end(), [&](const auto& pair) { return pair.first == name; });
  if (found == query.end()) {
    return std::nullopt;
  }
  return found->second;
}

std::optional<std::string_view> Request::Header(std::string_view name) const {
  const auto found = std::find_if(headers.begin(), headers.end(),
                                  [&](const auto& line) { return EqualsIgnoringCase(line.first, name); });
  if (found == headers.end()) {
    return std::nullopt;
  }
  return found->second;
}

}  // namespace server::http
