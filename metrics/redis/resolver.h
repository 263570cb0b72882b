// From an endpoint to the addresses a socket can be connected to.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <sys/socket.h>

#include "metrics/redis/redis_url.h"

namespace metrics::redis {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

struct Resolution {
  /// In the order to try them. Empty if the name could not be resolved.
  std::vector<Address> addresses;
  /// Then the reason.
  std::string error;
};

/// Calls `done` at once, from this thread, if `endpoint` is a unix socket or holds a numeric address. A name is looked
/// up on a thread of its own, which then calls `done`; a lookup cannot be cancelled, so that thread may outlive whoever
/// asked, and `done` must cope with that.
/// Throws std::system_error if no thread can be started.
void Resolve(const RedisEndpoint& endpoint, std::function<void(Resolution)> done);

}  // namespace metrics::redis
