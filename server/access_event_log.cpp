#include "server/access_event_log.h"

#include <string>

namespace server {
namespace {

std::string_view Sentence(auth::AccessEvent::Kind kind) {
  switch (kind) {
    case auth::AccessEvent::Kind::kConfigured:
      return "authentication configuration loaded";
    case auth::AccessEvent::Kind::kConfigUnusable:
      return "cannot use the authentication configuration, keeping the last good one";
    case auth::AccessEvent::Kind::kConfigUnreachable:
      return "cannot read the authentication configuration, keeping the last good one";
    case auth::AccessEvent::Kind::kReviewFailed:
      break;
  }
  return "refused a request, since kube-apiserver could not be asked";
}

}  // namespace

void AccessEventLog::OnEvent(const auth::AccessEvent& event) {
  const std::string_view sentence = Sentence(event.kind);
  if (event.kind == auth::AccessEvent::Kind::kConfigured) {
    Log(LogLevel::kInfo, sentence);
    return;
  }
  std::uint64_t suppressed = 0;
  if (limiter_.Allow(std::string(sentence), suppressed)) {
    Log(LogLevel::kWarning, sentence, {{"cause", event.cause}, {"suppressed", std::to_string(suppressed)}});
  }
}

}  // namespace server
