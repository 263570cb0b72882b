// Whose a bearer token is, in kube-apiserver's word.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/auth/identity.h"
#include "server/auth/review_cache.h"
#include "server/http/keyed_hash.h"
#include "server/kube/api.h"

namespace server::auth {

struct TokenVerdict {
  enum class Kind : std::uint8_t {
    kOwned,
    kRejected,
    kFailed,  // Nobody could tell.
  };
  Kind kind;
  UserInfo user;       // If owned.
  std::string reason;  // If not.

  bool Lasting() const { return kind != Kind::kFailed; }
};

/// Keeps digests of tokens, never tokens. Safe to use from several threads at once.
class TokenReviewer {
 public:
  /// `room` must outlive this.
  TokenReviewer(std::shared_ptr<kube::Api> api, WaitingRoom& room, SteadyClock clock);

  /// What is known without asking.
  std::optional<TokenVerdict> Known(std::string_view token) { return cache_.Kept(hash_(token)); }

  /// Takes ten seconds at most.
  TokenVerdict Review(std::string_view token);

 private:
  const std::shared_ptr<kube::Api> api_;
  const http::KeyedHash hash_;
  ReviewCache<TokenVerdict> cache_;
};

}  // namespace server::auth
