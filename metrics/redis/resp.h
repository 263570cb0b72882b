// Redis' wire protocol (RESP2 and RESP3): commands to bytes, bytes to replies. Does no input or output itself.
#pragma once

#include <cstddef>
#include <exception>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/redis/protocol.h"
#include "metrics/redis/reply.h"
#include "metrics/redis/resp3_translator.h"

struct redisReader;

namespace metrics::redis {

/// Commands that are sent together and answered in order, one reply for each.
class Batch {
 public:
  /// Commands that one server must be asked for, because it executes nothing else among them.
  struct Transaction {
    std::size_t first = 0;
    std::size_t count = 0;
  };

  /// Adds one command; its words may hold any bytes.
  void Add(std::initializer_list<std::string_view> words);
  /// Adds a copy of command `index` of `other`.
  void AddFrom(const Batch& other, std::size_t index);

  /// The commands added in between are a transaction; at least one. Not nested. If Redis refuses one of them, or to
  /// make it a transaction, its error is the reply to each, which says of the others that they were discarded.
  void BeginTransaction();
  void EndTransaction();

  /// How many commands were added, which is how many replies there will be.
  std::size_t size() const { return commands_.size(); }
  /// The bytes of command `index`, valid until the batch changes.
  std::string_view Command(std::size_t index) const;
  /// The key of command `index`: the word after its name, or after the subcommand of XINFO; empty if it has none.
  std::string_view Key(std::size_t index) const;
  /// In their order.
  const std::vector<Transaction>& transactions() const { return transactions_; }

  const std::string& bytes() const { return bytes_; }
  /// How many replies Redis gives to `bytes()`.
  std::size_t raw_size() const { return commands_.size() + 2 * transactions_.size(); }
  /// One reply for each command from what Redis replied to `bytes()`.
  std::vector<Reply> Unwrap(std::vector<Reply> raw) const;

 private:
  struct Place {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::size_t key_begin = 0;
    std::size_t key_size = 0;
  };

  std::string bytes_;
  std::vector<Place> commands_;
  std::vector<Transaction> transactions_;
};

/// The reply goes beyond ReplyReader::kMaxReplyBytes.
ReplyTooLarge ReplyTooLong();
/// The reply goes beyond ReplyReader::kMaxReplyElements.
ReplyTooLarge ArrayTooLarge();

/// Turns a stream of bytes into replies, whatever pieces it arrives in. Not for several threads at once. A reply is
/// bounded in bytes, in elements and in depth, so that a server gone wrong cannot fill the memory. What only RESP3 has
/// is read as Resp3Translator makes it.
class ReplyReader {
 public:
  static constexpr std::size_t kMaxReplyBytes = std::size_t{16} << 20U;  // Some layouts read messages.
  static constexpr std::size_t kMaxReplyElements = std::size_t{1} << 16U;
  static constexpr int kMaxDepth = 7;  // All that hiredis 0.14 can follow.

  explicit ReplyReader(Protocol protocol = Protocol::kResp2);
  ReplyReader(const ReplyReader&) = delete;
  ReplyReader& operator=(const ReplyReader&) = delete;
  ~ReplyReader();

  /// Takes the next bytes of the stream.
  /// Throws std::bad_alloc.
  void Feed(std::string_view bytes);

  /// Moves the next complete reply to `reply`; false if more bytes are needed first.
  /// Throws ProtocolError, ReplyTooLarge if that is what is wrong; after that the stream cannot be read on.
  bool Next(Reply& reply);

 private:
  struct Builder;
  struct Free {
    void operator()(redisReader* reader) const noexcept;
  };

  std::optional<Resp3Translator> translator_;
  std::exception_ptr untranslatable_;  // What comes after the bytes that were fed to the reader.
  std::unique_ptr<Builder> builder_;
  std::unique_ptr<redisReader, Free> reader_;
  std::size_t unfinished_bytes_ = 0;  // Fed since the last complete reply.
};

}  // namespace metrics::redis
