// Redis' wire protocol (RESP2 and RESP3): commands to bytes, bytes to replies. Does no input or output itself.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/redis/reply.h"

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
  /// make it a transaction, its error is the reply to each.
  void BeginTransaction();
  void EndTransaction();

  /// How many commands were added, which is how many replies there will be.
  std::size_t size() const { return commands_.size(); }
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
  struct Command {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::size_t key_begin = 0;
    std::size_t key_size = 0;
  };

  std::string bytes_;
  std::vector<Command> commands_;
  std::vector<Transaction> transactions_;
};

/// The bytes are not RESP, or go beyond what a queue's reply can be. The text completes "answered ".
class ProtocolError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Turns a stream of bytes into replies, whatever pieces it arrives in. Not for several threads at once. A reply is
/// bounded in bytes, in elements and in depth, so that a server gone wrong cannot fill the memory.
///
/// What only RESP3 has becomes what RESP2 would have sent: a map is an array of its keys and values in turn, a set an
/// array, a boolean 1 or 0, a double or a big number its text. Attributes and pushed messages, which answer no command,
/// are left out. What RESP2 arranges in another way (the scores of a sorted set) is for the reader of the reply to
/// know.
class ReplyReader {
 public:
  static constexpr std::size_t kMaxReplyBytes = std::size_t{16} << 20U;  // Some layouts read messages.
  static constexpr std::size_t kMaxReplyElements = std::size_t{1} << 16U;
  static constexpr std::size_t kMaxDepth = 7;

  ReplyReader() = default;
  ReplyReader(const ReplyReader&) = delete;
  ReplyReader& operator=(const ReplyReader&) = delete;

  /// Takes the next bytes of the stream.
  /// Throws std::bad_alloc.
  void Feed(std::string_view bytes);

  /// Moves the next complete reply to `reply`; false if more bytes are needed first.
  /// Throws ProtocolError; after that the stream cannot be read on.
  bool Next(Reply& reply);

 private:
  /// An aggregate whose elements are not all there.
  struct Open {
    Reply* aggregate;
    std::size_t next;  // Its first element that is missing.
    bool is_apart;     // Part of no reply.
  };

  bool ReadItem();
  void TakeLine(char type, std::string_view line);
  bool TakeText();
  void OpenAggregate(std::size_t count, bool is_apart);
  void EndAggregate(bool is_apart);
  void EndItem();
  void EndRoot();
  /// Where the next item belongs.
  Reply& Place();
  std::optional<std::string_view> NextLine();

  std::string buffer_;
  std::size_t position_ = 0;          // In buffer_, of what is not understood yet.
  std::size_t searched_ = 0;          // In buffer_: no line ends before it.
  std::size_t unfinished_bytes_ = 0;  // Fed since the last complete reply.

  Reply root_;
  std::vector<Open> open_;  // From the outside in; each is an element of the one before.
  std::size_t elements_ = 0;
  bool is_complete_ = false;  // root_.
  char text_type_ = 0;        // Of the text that comes after its length; none if 0.
  std::size_t text_size_ = 0;
};

}  // namespace metrics::redis
