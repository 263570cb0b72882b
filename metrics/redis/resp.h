// Redis' wire protocol (RESP2): commands to bytes, bytes to replies. Does no input or output itself.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "metrics/redis/reply.h"

struct redisReader;

namespace metrics::redis {

/// Commands that are sent together and answered in order.
class Batch {
 public:
  /// Adds one command; its words may hold any bytes.
  void Add(std::initializer_list<std::string_view> words);

  const std::string& bytes() const { return bytes_; }
  /// How many replies there will be.
  std::size_t size() const { return size_; }

 private:
  std::string bytes_;
  std::size_t size_ = 0;
};

/// The bytes are not RESP2, or go beyond what a queue's reply can be. The text completes "answered ".
class ProtocolError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Turns a stream of bytes into replies, whatever pieces it arrives in. Not for several threads at once. A reply is
/// bounded in bytes, in elements and in depth, so that a server gone wrong cannot fill the memory.
class ReplyReader {
 public:
  static constexpr std::size_t kMaxReplyBytes = std::size_t{16} << 20U;  // Some layouts read messages.
  static constexpr std::size_t kMaxReplyElements = std::size_t{1} << 16U;
  static constexpr int kMaxDepth = 7;  // All that hiredis 0.14 can follow.

  ReplyReader();
  ReplyReader(const ReplyReader&) = delete;
  ReplyReader& operator=(const ReplyReader&) = delete;
  ~ReplyReader();

  /// Takes the next bytes of the stream.
  /// Throws std::bad_alloc.
  void Feed(std::string_view bytes);

  /// Moves the next complete reply to `reply`; false if more bytes are needed first.
  /// Throws ProtocolError; after that the stream cannot be read on.
  bool Next(Reply& reply);

 private:
  struct Builder;
  struct Free {
    void operator()(redisReader* reader) const noexcept;
  };

  std::unique_ptr<Builder> builder_;
  std::unique_ptr<redisReader, Free> reader_;
  std::size_t unfinished_bytes_ = 0;  // Fed since the last complete reply.
};

}  // namespace metrics::redis
