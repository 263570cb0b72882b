// A stream of bytes gives the same replies in whatever pieces it arrives; what is accepted is bounded, and written out
// as Redis writes it, it reads as the same replies.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/redis/resp.h"
#include "test/fuzz/fuzzing.h"

using fuzzing::Require;
using metrics::redis::Protocol;
using metrics::redis::Reply;
using metrics::redis::ReplyReader;

namespace {

struct Outcome {
  std::string replies;  // As Redis writes them, in RESP2.
  bool refused = false;

  bool operator==(const Outcome&) const = default;
};

void Write(const Reply& reply, std::string& out, std::size_t& elements, int depth) {
  Require(depth <= ReplyReader::kMaxDepth);
  switch (reply.type) {
    case Reply::Type::kUnavailable:
      Require(false);  // Nothing that a server sends reads as this.
      break;
    case Reply::Type::kNil:
      out += "$-1\r\n";
      break;
    case Reply::Type::kInteger:
      out += ':' + std::to_string(reply.integer) + "\r\n";
      break;
    case Reply::Type::kString:
      out += '$' + std::to_string(reply.text.size()) + "\r\n" + reply.text + "\r\n";
      break;
    case Reply::Type::kStatus:
      out += '+' + reply.text + "\r\n";
      break;
    case Reply::Type::kError:
      out += '-' + reply.text + "\r\n";
      break;
    case Reply::Type::kArray:
      out += '*' + std::to_string(reply.elements.size()) + "\r\n";
      elements += reply.elements.size();
      for (const Reply& element : reply.elements) Write(element, out, elements, depth + 1);
      break;
  }
  Require(reply.type == Reply::Type::kArray || reply.elements.empty());
  Require(reply.text.size() <= ReplyReader::kMaxReplyBytes && elements <= ReplyReader::kMaxReplyElements);
}

/// `pieces` decides how the bytes arrive; empty: all at once.
Outcome Read(Protocol protocol, std::string_view bytes, std::string_view pieces) {
  Outcome outcome;
  ReplyReader reader(protocol);
  try {
    for (std::size_t i = 0; !bytes.empty(); ++i) {
      const std::size_t piece =
          pieces.empty() ? bytes.size() : 1 + static_cast<unsigned char>(pieces[i % pieces.size()]) % 16;
      reader.Feed(bytes.substr(0, piece));
      bytes.remove_prefix(std::min(piece, bytes.size()));
      Reply reply;
      while (reader.Next(reply)) {
        std::size_t elements = 0;
        Write(reply, outcome.replies, elements, 0);
      }
    }
  } catch (const metrics::redis::ProtocolError& error) {
    outcome.refused = true;
    Require(*error.what() != '\0');
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzzing::Text(data, size);
  for (const Protocol protocol : {Protocol::kResp2, Protocol::kResp3}) {
    const Outcome whole = Read(protocol, bytes, {});
    Require(Read(protocol, bytes, bytes) == whole);
    Require(Read(protocol, bytes, std::string_view("\0", 1)) == whole);
    Require(Read(protocol, whole.replies, {}) == Outcome{whole.replies});
  }
  return 0;
}
