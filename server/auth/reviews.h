// The questions that are put to kube-apiserver, as documents, and how they are put.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "server/api/request_info.h"
#include "server/auth/identity.h"
#include "server/http/http_message.h"
#include "server/kube/api.h"

namespace server::auth {

/// {"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","spec":{"token":"…"}}
std::string TokenReview(std::string_view token);

/// The spec of a SubjectAccessReview about `request`, of which `info` is derived. The same for equal questions.
///   {"resourceAttributes":{"namespace":"shop","verb":"list","group":"external.metrics.k8s.io","version":"v1beta1",
///    "resource":"redis_queue_length","labelSelector":{"requirements":[{"key":"queue","operator":"In","values":["a"]}]}},
///    "user":"jane","groups":["system:authenticated"],"extra":{"scopes":["…"]},"uid":"…"}
///   {"nonResourceAttributes":{"path":"/metrics","verb":"get"},"user":"jane","groups":["system:authenticated"]}
std::string AccessReviewSpec(const UserInfo& user, const api::RequestInfo& info, const http::Request& request);

/// {"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1","metadata":{},"spec":SPEC,"status":{"allowed":false}}
std::string AccessReview(std::string_view spec);

/// Nobody answered the question. One sentence.
class ReviewError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// POSTs `review` to `path` and gives the status of the object that comes back. Tries again, as client-go's webhooks
/// do, what may well succeed then. Throws ReviewError, after ten seconds at the latest.
kube::Json PostReview(kube::Api& api, const std::string& path, std::string review);

}  // namespace server::auth
