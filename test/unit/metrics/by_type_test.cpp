#include "metrics/layouts/by_type.h"

#include <string>
#include <vector>

#include "metrics/metric_provider.h"
#include "test/support/catch.h"

namespace metrics::layouts {
namespace {

using redis::Reply;
using namespace std::string_literals;

const std::string kWrongType = "WRONGTYPE Operation against a key holding the wrong kind of value";

/// Replies written as RESP lines: "+list", ":3", "-ERR no", "$text", "nil"; "w" is short for WRONGTYPE.
std::vector<Reply> Replies(const std::vector<std::string>& lines) {
  std::vector<Reply> replies;
  for (const std::string& line : lines) {
    Reply& reply = replies.emplace_back();
    const std::string rest = line.substr(1);
    switch (line.front()) {
      case '+':
        reply.type = Reply::Type::kStatus;
        reply.text = rest;
        break;
      case '-':
      case 'w':
        reply.type = Reply::Type::kError;
        reply.text = line == "w" ? kWrongType : rest;
        break;
      case ':':
        reply.type = Reply::Type::kInteger;
        reply.integer = std::stoll(rest);
        break;
      case '$':
        reply.type = Reply::Type::kString;
        reply.text = rest;
        break;
      default:
        break;
    }
  }
  return replies;
}

TEST_CASE("a key is asked for its type and for every length it could have", "[metrics]") {
  redis::Batch asked;
  redis::Batch expected;
  ByType().Ask("a\0b"s, asked);
  for (const char* command : {"TYPE", "LLEN", "SCARD", "ZCARD", "HLEN", "XLEN"}) expected.Add({command, "a\0b"s});
  CHECK(asked.bytes() == expected.bytes());
  CHECK(asked.size() == 6);
}

TEST_CASE("the length of a key is that of its type", "[metrics]") {
  struct Case {
    std::string description;
    std::vector<std::string> replies;
    std::int64_t waiting;
  };
  const auto example = GENERATE(values<Case>({
      {"list", {"+list", ":3", "w", "w", "w", "w"}, 3},
      {"set", {"+set", "w", ":4", "w", "w", "w"}, 4},
      {"sorted set", {"+zset", "w", "w", ":5", "w", "w"}, 5},
      {"hash", {"+hash", "w", "w", "w", ":6", "w"}, 6},
      {"stream", {"+stream", "w", "w", "w", "w", ":7"}, 7},
      {"stream that was trimmed to nothing", {"+stream", "w", "w", "w", "w", ":0"}, 0},
      {"no such key", {"+none", ":0", ":0", ":0", ":0", ":0"}, 0},
      {"largest number", {"+list", ":9223372036854775807", "w", "w", "w", "w"}, 9223372036854775807},
      {"list that is created on the way", {"+none", ":0", "w", "w", "w", "w"}, 0},
      {"sorted set that is created on the way", {"+none", ":0", ":0", ":2", "w", "w"}, 2},
      {"list that is emptied on the way", {"+list", ":9", ":0", ":0", ":0", ":0"}, 9},
      {"set that is created on the way, and again a string", {"+none", ":0", ":1", "w", "w", "w"}, 1},
  }));
  INFO(example.description);
  CHECK(ByType().Count("q", Replies(example.replies)).waiting == example.waiting);
}

TEST_CASE("a length that cannot be known is an error and never 0", "[metrics]") {
  struct Case {
    std::vector<std::string> replies;
    UnavailableKind kind;
    std::string text;
  };
  const auto example = GENERATE(values<Case>({
      {{"+string", "w", "w", "w", "w", "w"},
       UnavailableKind::kWrongType,
       R"(the key "q" holds a string, not a list, set, sorted set, hash or stream)"},
      {{"+ReJSON-RL", "w", "w", "w", "w", "w"},
       UnavailableKind::kWrongType,
       R"(the key "q" holds a ReJSON-RL, not a list, set, sorted set, hash or stream)"},
      {{"-LOADING Redis is loading the dataset in memory", ":0", ":0", ":0", ":0", ":0"},
       UnavailableKind::kLoading,
       R"(TYPE of the key "q" was answered "LOADING Redis is loading the dataset in memory")"},
      {{"+list", ":3", "w", "w", "w", "-NOPERM this user has no permissions to run the 'xlen' command"},
       UnavailableKind::kAuth,
       R"(XLEN of the key "q" was answered "NOPERM this user has no permissions to run the 'xlen' command")"},
      {{"+list", "-ERR odd", "w", "w", "w", "w"},
       UnavailableKind::kServer,
       R"(LLEN of the key "q" was answered "ERR odd")"},
      {{"w", ":0", ":0", ":0", ":0", ":0"},
       UnavailableKind::kWrongType,
       "TYPE of the key \"q\" was answered \"" + kWrongType + "\""},
      {{"$list", ":3", "w", "w", "w", "w"},
       UnavailableKind::kProtocol,
       R"(TYPE of the key "q" was answered with a reply of the wrong type)"},
      {{":1", ":3", "w", "w", "w", "w"},
       UnavailableKind::kProtocol,
       R"(TYPE of the key "q" was answered with the number 1)"},
      {{"+list", ":-1", "w", "w", "w", "w"},
       UnavailableKind::kProtocol,
       R"(LLEN of the key "q" was answered with the number -1)"},
      {{"+set", "w", "$4", "w", "w", "w"},
       UnavailableKind::kProtocol,
       R"(SCARD of the key "q" was answered with a reply of the wrong type)"},
      {{"+zset", "w", "w", "nil", "w", "w"},
       UnavailableKind::kProtocol,
       R"(ZCARD of the key "q" was answered with a reply of the wrong type)"},
  }));
  INFO(example.text);
  try {
    ByType().Count("q", Replies(example.replies));
    FAIL("no error");
  } catch (const MetricUnavailableError& error) {
    CHECK(error.kind() == example.kind);
    CHECK(error.what() == example.text);
  }
}

}  // namespace
}  // namespace metrics::layouts
