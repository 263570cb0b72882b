#include "server/auth/access_reviewer.h"

#include <utility>

#include "server/auth/reviews.h"

namespace server::auth {
namespace {

using Kind = AccessVerdict::Kind;

AccessVerdict Ask(kube::Api& api, const std::string& spec) try {
  const kube::Json status =
      PostReview(api, "/apis/authorization.k8s.io/v1/subjectaccessreviews?timeout=10s", AccessReview(spec));
  const bool allowed = status["allowed"].Bool() && !status["denied"].Bool();
  return {allowed ? Kind::kAllowed : Kind::kDenied, status["reason"].String()};
} catch (const std::exception& error) {
  return {Kind::kFailed, error.what()};
}

}  // namespace

AccessReviewer::AccessReviewer(std::shared_ptr<kube::Api> api, WaitingRoom& room, SteadyClock clock)
    : api_(std::move(api)), cache_(room, std::move(clock)) {}

std::optional<AccessVerdict> AccessReviewer::Known(const Identity& identity, const api::RequestInfo& info,
                                                   const http::Request& request) {
  return cache_.Kept(hash_(AccessReviewSpec(identity.user, info, request)));
}

AccessVerdict AccessReviewer::Review(const Identity& identity, const api::RequestInfo& info,
                                     const http::Request& request) {
  const std::string spec = AccessReviewSpec(identity.user, info, request);
  const bool stranger = identity.proof != Proof::kFrontProxy;
  const auto verdict = cache_.Get(hash_(spec), stranger, [&] { return Ask(*api_, spec); });
  return verdict.value_or(AccessVerdict{Kind::kFailed, std::string(kNoSeat)});
}

}  // namespace server::auth
