#include "server/api/request_info.h"

#include <span>
#include <string_view>

#include "server/api/field_selector.h"
#include "server/api/list_options.h"
#include "server/api/lower_case.h"

namespace server::api {
namespace {

std::string_view VerbOf(std::string_view method) {
  if (method == "GET" || method == "HEAD") return "get";
  if (method == "POST") return "create";
  if (method == "PUT") return "update";
  if (method == "PATCH") return "patch";
  if (method == "DELETE") return "delete";
  return "";
}

/// The name that a field selector restricts a list to, if it is a possible one.
std::string SelectedName(const http::Request& request) try {
  for (const FieldTerm& term : ParseFieldSelector(request.QueryValue("fieldSelector").value_or(""))) {
    if (term.field == "metadata.name" && term.equal) {
      const bool possible =
          term.value != "." && term.value != ".." && term.value.find_first_of("/%") == std::string::npos;
      return possible ? term.value : "";
    }
  }
  return "";
} catch (const FieldSelectorError&) {
  return "";  // The request will be refused for it, by whoever answers.
}

}  // namespace

RequestInfo ParseRequestInfo(const http::Request& request) {
  RequestInfo info;
  info.path = request.path;
  info.verb = LowerCase(request.method);

  std::span<const std::string> parts = request.segments;
  while (!parts.empty() && parts.front().empty()) {
    parts = parts.subspan(1);
  }
  while (!parts.empty() && parts.back().empty()) {
    parts = parts.first(parts.size() - 1);
  }
  // /apis/GROUP/VERSION/… or, for the core group that other servers have, /api/VERSION/….
  if (parts.size() >= 4 && parts[0] == "apis") {
    info.group = parts[1];
    parts = parts.subspan(2);
  } else if (parts.size() >= 3 && parts[0] == "api") {
    parts = parts.subspan(1);
  } else {
    return info;
  }
  info.is_resource_request = true;
  info.version = parts[0];
  parts = parts.subspan(1);

  // Once, a prefix could name the verb; such paths are still authorized by it.
  if (parts.size() > 1 && (parts[0] == "proxy" || parts[0] == "watch")) {
    info.verb = parts[0];
    parts = parts.subspan(1);
  } else {
    info.verb = VerbOf(request.method);
  }
  if (parts[0] == "namespaces" && parts.size() > 1) {
    info.ns = parts[1];
    if (parts.size() > 2 && parts[2] != "status" && parts[2] != "finalize") {
      parts = parts.subspan(2);
    }
  }
  info.resource = parts[0];
  if (parts.size() > 1) {
    info.name = parts[1];
  }
  if (parts.size() > 2 && info.verb != "proxy") {
    info.subresource = parts[2];
  }

  if (info.name.empty() && info.verb == "get") {
    info.verb = IsWatch(request) ? "watch" : "list";
    info.name = SelectedName(request);
  } else if (info.name.empty() && info.verb == "delete") {
    info.verb = "deletecollection";
  }
  return info;
}

}  // namespace server::api
