// Which of Redis' wire protocols is spoken.
#pragma once

#include <cstdint>
#include <stdexcept>

namespace metrics::redis {

/// Replies mean the same in both.
enum class Protocol : std::uint8_t { kResp2 = 2, kResp3 = 3 };

/// The bytes are not of the protocol, or go beyond what a queue's reply can be. The text completes "answered ".
class ProtocolError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// It may be of the protocol, but is more than is read of one reply: whoever asked for it should not ask again.
class ReplyTooLarge : public ProtocolError {
 public:
  using ProtocolError::ProtocolError;
};

}  // namespace metrics::redis
