// What happens to delegated access, told to the log.
#pragma once

#include "server/auth/delegated_access.h"
#include "server/log.h"

namespace server {

/// One line a second at most for each kind of failure. An auth::AccessEventSink; any thread.
class AccessEventLog {
 public:
  void OnEvent(const auth::AccessEvent& event);

 private:
  LogLimiter limiter_;
};

}  // namespace server
