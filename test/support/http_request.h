// Requests as the listener would hand them on.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "server/http/http_message.h"
#include "server/http/request_target.h"
#include "test/support/catch.h"

namespace test {

inline server::http::Request MakeRequest(std::string method, std::string_view target,
                                         server::http::Headers headers = {}) {
  auto parsed = server::http::ParseRequestTarget(target);
  REQUIRE(parsed);
  server::http::Request request;
  request.method = std::move(method);
  request.segments = std::move(parsed->segments);
  request.path = std::move(parsed->path);
  request.query = std::move(parsed->query);
  request.headers = std::move(headers);
  return request;
}

inline server::http::Request Get(std::string_view target, server::http::Headers headers = {}) {
  return MakeRequest("GET", target, std::move(headers));
}

/// The first header of that name; empty if there is none.
inline std::string HeaderOf(const server::http::Response& response, std::string_view name) {
  for (const auto& [header, value] : response.headers) {
    if (server::http::EqualsIgnoringCase(header, name)) {
      return value;
    }
  }
  return "";
}

}  // namespace test
