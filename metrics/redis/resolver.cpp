#include "metrics/redis/resolver.h"

#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

#include <netdb.h>
#include <sys/un.h>

namespace metrics::redis {
namespace {

struct FreeAddresses {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};

Resolution LookUp(const RedisEndpoint& endpoint, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | flags;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found);
  const std::unique_ptr<addrinfo, FreeAddresses> list(found);
  if (code == EAI_SYSTEM) return {{}, std::generic_category().message(errno)};
  if (code != 0) return {{}, ::gai_strerror(code)};
  Resolution resolution;
  for (const addrinfo* entry = list.get(); entry != nullptr; entry = entry->ai_next) {
    Address& address = resolution.addresses.emplace_back();
    std::memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
    address.length = entry->ai_addrlen;
  }
  return resolution;
}

Resolution UnixAddress(const std::string& path) {
  sockaddr_un socket_name{};
  if (path.size() >= sizeof socket_name.sun_path) return {{}, "the path is too long for a unix socket"};
  socket_name.sun_family = AF_UNIX;
  path.copy(socket_name.sun_path, path.size());
  Address address;
  std::memcpy(&address.storage, &socket_name, sizeof socket_name);
  address.length = sizeof socket_name;
  return {{address}, {}};
}

}  // namespace

void Resolve(const RedisEndpoint& endpoint, std::function<void(Resolution)> done) {
  if (!endpoint.unix_path.empty()) return done(UnixAddress(endpoint.unix_path));
  Resolution numeric = LookUp(endpoint, AI_NUMERICHOST);
  if (!numeric.addresses.empty()) return done(std::move(numeric));
  std::thread([endpoint, done = std::move(done)] { done(LookUp(endpoint, 0)); }).detach();
}

}  // namespace metrics::redis
