#include "server/auth/delegated_access.h"

#include <algorithm>
#include <utility>

#include "metrics/go_quote.h"
#include "server/auth/forbidden_message.h"
#include "server/auth/request_traits.h"

namespace server::auth {
namespace {

/// Besides one for each request that may wait: they turn away those that find no seat.
constexpr unsigned kThreadsWithoutSeat = 2;

/// May do anything, also in kube-apiserver's eyes; asking would only make an availability probe depend on the answer.
bool IsPrivileged(const UserInfo& user) {
  return std::ranges::find(user.groups, "system:masters") != user.groups.end();
}

std::optional<Denial> DenialOf(const AccessVerdict& verdict, const UserInfo& user, const api::RequestInfo& info,
                               const http::Request& request) {
  switch (verdict.kind) {
    case AccessVerdict::Kind::kAllowed:
      return std::nullopt;
    case AccessVerdict::Kind::kDenied:
      return Denial{403, ForbiddenMessage(user.name, info) + (verdict.reason.empty() ? "" : ": " + verdict.reason)};
    case AccessVerdict::Kind::kFailed:
      break;
  }
  return Denial{500, "Internal Server Error: " + metrics::GoQuote(request.path) + ": " + verdict.reason};
}

}  // namespace

DelegatedAccess::DelegatedAccess(std::shared_ptr<kube::Api> api, DelegatedAccessOptions options)
    : options_(std::move(options)),
      room_(options_.waiting),
      tokens_(api, room_, options_.clock),
      accesses_(api, room_, options_.clock),
      watch_(api, {"kube-system", "extension-apiserver-authentication"},
             {.on_data = [this](const kube::ConfigMapData& data) { OnConfig(data); },
              .on_failure = [this](std::string_view cause) { OnConfigFailure(cause); }}),
      workers_(options_.waiting.seats + kThreadsWithoutSeat) {}

void DelegatedAccess::Check(const http::Request& request, VerdictCallback decided) const {
  if (auto verdict = Decide(request, Asking::kNever)) {
    decided(*std::move(verdict));
    return;
  }
  workers_.Run([this, &request, decided = std::move(decided)] { decided(*Decide(request, Asking::kIfNeeded)); });
}

std::optional<Verdict> DelegatedAccess::Decide(const http::Request& request, Asking asking) const {
  const auto config = config_.Current();
  bool undecided = false;
  const auto owner = [&](std::string_view token) -> std::optional<UserInfo> {
    auto verdict = OwnerOf(token, asking);
    undecided = !verdict;
    return verdict && verdict->kind == TokenVerdict::Kind::kOwned ? std::optional(std::move(verdict->user))
                                                                  : std::nullopt;
  };
  const auto identity = Identify(request, config.get(), owner, std::chrono::system_clock::now());
  if (undecided) {
    return std::nullopt;
  }
  if (!identity) {
    return Verdict{.denial = Denial{401, "Unauthorized"}};
  }
  Verdict verdict{.user = identity->user.name, .proof = identity->proof};
  if (AsksToImpersonate(request)) {
    verdict.denial = Denial{403, "forbidden: impersonation is not supported"};
  } else if (!IsPrivileged(identity->user) && !IsHealthEndpoint(request)) {
    const api::RequestInfo info = api::ParseRequestInfo(request);
    auto access = MayAccess(*identity, info, request, asking);
    if (!access) {
      return std::nullopt;
    }
    verdict.denial = DenialOf(*access, identity->user, info, request);
    verdict.reason = std::move(access->reason);
  }
  return verdict;
}

std::optional<TokenVerdict> DelegatedAccess::OwnerOf(std::string_view token, Asking asking) const {
  if (asking == Asking::kNever) {
    return tokens_.Known(token);
  }
  TokenVerdict verdict = tokens_.Review(token);
  if (verdict.kind == TokenVerdict::Kind::kFailed) {
    options_.events({AccessEvent::Kind::kReviewFailed, verdict.reason});
  }
  return verdict;
}

std::optional<AccessVerdict> DelegatedAccess::MayAccess(const Identity& identity, const api::RequestInfo& info,
                                                        const http::Request& request, Asking asking) const {
  if (asking == Asking::kNever) {
    return accesses_.Known(identity, info, request);
  }
  AccessVerdict verdict = accesses_.Review(identity, info, request);
  if (verdict.kind == AccessVerdict::Kind::kFailed) {
    options_.events({AccessEvent::Kind::kReviewFailed, verdict.reason});
  }
  return verdict;
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
