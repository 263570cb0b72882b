// Whether somebody may do what is asked for, in kube-apiserver's word.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "server/api/request_info.h"
#include "server/auth/identity.h"
#include "server/auth/review_cache.h"
#include "server/http/http_message.h"
#include "server/http/keyed_hash.h"
#include "server/kube/api.h"

namespace server::auth {

struct AccessVerdict {
  enum class Kind : std::uint8_t {
    kAllowed,
    kDenied,
    kFailed,  // Nobody could tell.
  };
  Kind kind;
  std::string reason;  // Often empty.

  bool Lasting() const { return kind != Kind::kFailed; }
};

/// Safe to use from several threads at once.
class AccessReviewer {
 public:
  /// `room` must outlive this.
  AccessReviewer(std::shared_ptr<kube::Api> api, WaitingRoom& room, SteadyClock clock);

  /// What is known without asking. `info` is derived of `request`.
  std::optional<AccessVerdict> Known(const Identity& identity, const api::RequestInfo& info,
                                     const http::Request& request);

  /// `info` is derived of `request`. Takes ten seconds at most.
  AccessVerdict Review(const Identity& identity, const api::RequestInfo& info, const http::Request& request);

 private:
  const std::shared_ptr<kube::Api> api_;
  const http::KeyedHash hash_;
  ReviewCache<AccessVerdict> cache_;
};

}  // namespace server::auth
