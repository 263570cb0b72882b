// The conversation that opens a connection, as plain data: what to send, and what its answers mean.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "metrics/redis/protocol.h"
#include "metrics/redis/redis_url.h"
#include "metrics/redis/reply.h"
#include "metrics/redis/resp.h"

namespace metrics::redis {

/// Why a server is not believed to be the master, from its reply to ROLE. The text completes "Redis at HOST:PORT ".
std::optional<Failure> RefusalOfRole(const Reply& reply);

/// AUTH if there are credentials, HELLO (with the credentials) if it is to be RESP3, SELECT if the database is not 0,
/// and PING: nothing that a least ACL would have to grant besides. PING proves that Redis itself is alive, not only the
/// kernel that accepts its connections. And ROLE, if it must be the master.
class Handshake {
 public:
  Handshake(const Credentials& credentials, std::uint32_t database, Protocol protocol = Protocol::kResp2,
            bool must_be_master = false);

  const std::string& bytes() const { return batch_.bytes(); }

  /// Takes the next reply; only until done(). Returns why the connection cannot be used: the text completes
  /// "Redis at HOST:PORT ", and never quotes the answer to AUTH or HELLO, which may repeat the password.
  std::optional<Failure> Take(const Reply& reply);

  /// All is answered, and nothing was refused.
  bool done() const { return next_ == steps_.size(); }

 private:
  enum class Step : std::uint8_t { kAuth, kHello, kSelect, kPing, kRole };

  std::uint32_t database_;
  Batch batch_;
  std::vector<Step> steps_;
  std::size_t next_ = 0;
};

}  // namespace metrics::redis
