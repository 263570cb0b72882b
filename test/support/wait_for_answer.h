// Answers that come by callback, waited for.
#pragma once

#include <future>
#include <memory>
#include <utility>

#include "server/api/api_server.h"
#include "server/auth/access_control.h"
#include "server/http/http_message.h"

namespace test {

inline server::auth::Verdict VerdictOf(const server::auth::AccessControl& access,
                                       const server::http::Request& request) {
  // Shared, because the waiter may be gone before set_value() has returned.
  const auto verdict = std::make_shared<std::promise<server::auth::Verdict>>();
  access.Check(request, [verdict](server::auth::Verdict decided) { verdict->set_value(std::move(decided)); });
  return verdict->get_future().get();
}

inline server::http::Response AnswerOf(const server::api::ApiServer& server, const server::http::Request& request) {
  const auto answer = std::make_shared<std::promise<server::http::Response>>();
  server.Handle(request, [answer](server::http::Response response, const server::auth::Verdict&) {
    answer->set_value(std::move(response));
  });
  return answer->get_future().get();
}

}  // namespace test
