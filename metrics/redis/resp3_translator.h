// RESP3 as RESP2, which is all that hiredis 0.14 (Debian 12) reads.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace metrics::redis {

/// What only RESP3 has becomes what RESP2 would have sent: a map is an array of its keys and values in turn, a set an
/// array, a boolean 1 or 0, a double or a big number its text. Attributes and pushed messages, which answer no command,
/// are left out. What RESP2 arranges in another way (the scores of a sorted set) is for the reader of the reply to
/// know. Not for several threads at once.
class Resp3Translator {
 public:
  /// Takes the next bytes of the stream, in whatever pieces they arrive, and appends what they are in RESP2 to `resp2`.
  /// Throws ProtocolError; after that the stream cannot be read on.
  void Translate(std::string_view bytes, std::string& resp2);

 private:
  /// What is still to come of a text, in this order.
  struct Text {
    char type = 0;
    std::size_t left_out = 0;
    std::size_t on_one_line = 0;
    std::size_t as_it_is = 0;
    std::size_t line_end = 0;
    bool is_apart = false;
  };

  void TakeText(std::string_view& bytes, std::string& resp2);
  void TakeLine(std::string_view& bytes, std::string& resp2);
  void TakeItem(std::string_view line, std::string& resp2);
  void TakeAggregate(char type, std::string_view line, bool is_apart, std::string& resp2);
  void BeginText(char type, std::string_view line, bool is_apart, std::string& resp2);

  std::string line_;  // Its end is missing.
  Text text_;
  std::size_t apart_ = 0;  // How many more items belong to what is left out.
};

}  // namespace metrics::redis
