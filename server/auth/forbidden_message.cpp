#include "server/auth/forbidden_message.h"

#include "metrics/go_quote.h"

namespace server::auth {
namespace {

using metrics::GoQuote;

/// Only the first if there is no second.
std::string Joined(std::string_view first, std::string_view between, std::string_view second) {
  std::string joined(first);
  if (!second.empty()) {
    joined.append(between).append(second);
  }
  return joined;
}

std::string Sentence(std::string_view user, const api::RequestInfo& request) {
  const std::string beginning = "User " + GoQuote(user) + " cannot " + request.verb;
  if (!request.is_resource_request) {
    return beginning + " path " + GoQuote(request.path);
  }
  const std::string resource = Joined(request.resource, "/", request.subresource);
  return beginning + " resource " + GoQuote(resource) + " in API group " + GoQuote(request.group) +
         (request.ns.empty() ? " at the cluster scope" : " in the namespace " + GoQuote(request.ns));
}

std::string EscapeHtml(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

}  // namespace

std::string ForbiddenMessage(std::string_view user, const api::RequestInfo& request) {
  const std::string sentence = EscapeHtml(Sentence(user, request));
  if (request.resource.empty() && request.group.empty()) {
    return "forbidden: " + sentence;
  }
  const std::string resource = Joined(request.resource, ".", request.group);
  const std::string object = request.name.empty() ? resource : resource + " " + GoQuote(request.name);
  return object + " is forbidden: " + sentence;
}

}  // namespace server::auth
