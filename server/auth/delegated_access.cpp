#include "server/auth/delegated_access.h"

#include <algorithm>
#include <utility>

#include "metrics/go_quote.h"
#include "server/auth/forbidden_message.h"
#include "server/auth/request_traits.h"

namespace server::auth {
namespace {

/// May do anything, also in kube-apiserver's eyes; asking would only make an availability probe depend on the answer.
bool IsPrivileged(const UserInfo& user) {
  return std::ranges::find(user.groups, "system:masters") != user.groups.end();
}

}  // namespace

DelegatedAccess::DelegatedAccess(std::shared_ptr<kube::Api> api, DelegatedAccessOptions options)
    : options_(std::move(options)),
      room_(options_.waiting),
      tokens_(api, room_, options_.clock),
      accesses_(api, room_, options_.clock),
      watch_(api, {"kube-system", "extension-apiserver-authentication"},
             {.on_data = [this](const kube::ConfigMapData& data) { OnConfig(data); },
              .on_failure = [this](std::string_view cause) { OnConfigFailure(cause); }}) {}

std::optional<Denial> DelegatedAccess::Check(const http::Request& request) const {
  const api::RequestInfo info = api::ParseRequestInfo(request);
  const auto config = config_.Current();
  const auto identity = Identify(
      request, config.get(), [this](std::string_view token) { return OwnerOf(token); },
      std::chrono::system_clock::now());
  const Decision decision = identity ? Decide(*identity, info, request) : Decision{Denial{401, "Unauthorized"}, ""};
  if (options_.audit) {
    options_.audit({request, info, identity ? &*identity : nullptr, decision.denial, decision.reason});
  }
  return decision.denial;
}

std::optional<UserInfo> DelegatedAccess::OwnerOf(std::string_view token) const {
  TokenVerdict verdict = tokens_.Review(token);
  if (verdict.kind == TokenVerdict::Kind::kFailed) {
    options_.events({AccessEvent::Kind::kReviewFailed, verdict.reason});
  }
  return verdict.kind == TokenVerdict::Kind::kOwned ? std::optional(std::move(verdict.user)) : std::nullopt;
}

DelegatedAccess::Decision DelegatedAccess::Decide(const Identity& identity, const api::RequestInfo& info,
                                                  const http::Request& request) const {
  if (AsksToImpersonate(request)) {
    return {Denial{403, "forbidden: impersonation is not supported"}, ""};
  }
  if (IsPrivileged(identity.user) || IsHealthEndpoint(request)) {
    return {};
  }
  AccessVerdict verdict = accesses_.Review(identity, info, request);
  switch (verdict.kind) {
    case AccessVerdict::Kind::kAllowed:
      return {std::nullopt, std::move(verdict.reason)};
    case AccessVerdict::Kind::kDenied: {
      std::string message = ForbiddenMessage(identity.user.name, info);
      if (!verdict.reason.empty()) {
        message += ": " + verdict.reason;
      }
      return {Denial{403, std::move(message)}, std::move(verdict.reason)};
    }
    case AccessVerdict::Kind::kFailed:
      break;
  }
  options_.events({AccessEvent::Kind::kReviewFailed, verdict.reason});
  return {Denial{500, "Internal Server Error: " + metrics::GoQuote(request.path) + ": " + verdict.reason},
          std::move(verdict.reason)};
}

void DelegatedAccess::OnConfig(const kube::ConfigMapData& data) {
  const auto [changed, problems] = config_.Apply(data);
  for (const std::string& problem : problems) {
    options_.events({AccessEvent::Kind::kConfigUnusable, problem});
  }
  if (changed && problems.empty()) {
    options_.events({AccessEvent::Kind::kConfigured, ""});
  }
}

void DelegatedAccess::OnConfigFailure(std::string_view cause) {
  config_.Fail(cause);
  options_.events({AccessEvent::Kind::kConfigUnreachable, cause});
}

}  // namespace server::auth
