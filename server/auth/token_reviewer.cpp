#include "server/auth/token_reviewer.h"

#include <utility>

#include "server/auth/reviews.h"

namespace server::auth {
namespace {

using Kind = TokenVerdict::Kind;

UserInfo ReadUser(const kube::Json& user) {
  UserInfo info{.name = user["username"].String(),
                .uid = user["uid"].String(),
                .groups = user["groups"].Strings().value_or(std::vector<std::string>()),
                .extra = {}};
  for (const auto& [key, values] : user["extra"].Members()) {
    info.extra.emplace(key, values.Strings().value_or(std::vector<std::string>()));
  }
  return info;
}

TokenVerdict Ask(kube::Api& api, std::string_view token) try {
  const kube::Json status = PostReview(api, "/apis/authentication.k8s.io/v1/tokenreviews", TokenReview(token));
  UserInfo user = ReadUser(status["user"]);
  if (!status["authenticated"].Bool() || user.name.empty()) {
    return {Kind::kRejected, {}, status["error"].String()};
  }
  return {Kind::kOwned, std::move(user), {}};
} catch (const std::exception& error) {
  return {Kind::kFailed, {}, error.what()};
}

}  // namespace

TokenReviewer::TokenReviewer(std::shared_ptr<kube::Api> api, WaitingRoom& room, SteadyClock clock)
    : api_(std::move(api)), cache_(room, std::move(clock)) {}

TokenVerdict TokenReviewer::Review(std::string_view token) {
  const auto verdict = cache_.Get(hash_(token), true, [&] { return Ask(*api_, token); });
  return verdict.value_or(TokenVerdict{Kind::kFailed, {}, std::string(kNoSeat)});
}

}  // namespace server::auth
