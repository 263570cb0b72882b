#include "metrics/layouts/by_type.h"

#include <string>
#include <vector>

#include "metrics/metric_provider.h"
#include "test/support/answers.h"
#include "test/support/catch.h"

namespace metrics::layouts {
namespace {

using redis::Reply;
using namespace std::string_view_literals;

const std::string kWrongType = "WRONGTYPE Operation against a key holding the wrong kind of value";

/// Replies written as RESP lines: "+list", ":3", "-ERR no", "$text", "nil"; "w" is short for WRONGTYPE.
std::vector<Reply> RepliesOf(const std::vector<std::string>& lines) {
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

constexpr QueueRead kRead{.queue = "q", .wanted = {.waiting = true}, .now = {}};

TEST_CASE("a key is taken for a list at first, then asked for every length it could have", "[metrics]") {
  const QueueRead read{.queue = "a\0b"sv, .wanted = {.waiting = true}, .now = {}};
  redis::Batch asked;
  redis::Batch expected;
  ByType().Ask(read, asked);
  expected.Add({"LLEN", read.queue});
  CHECK(asked.bytes() == expected.bytes());

  redis::Batch more;
  redis::Batch rest;
  CHECK_FALSE(ByType().Count(read, test::PointersTo(RepliesOf({"w"})), more));
  for (const char* command : {"TYPE", "LLEN", "SCARD", "ZCARD", "HLEN", "XLEN"}) rest.Add({command, read.queue});
  CHECK(more.bytes() == rest.bytes());
}

TEST_CASE("the length of a key is that of its type", "[metrics]") {
  struct Case {
    std::string description;
    std::vector<std::string> replies;
    std::int64_t waiting;
  };
  const auto example = GENERATE(values<Case>({
      {"list", {":3"}, 3},
      {"no such key", {":0"}, 0},
      {"largest number", {":9223372036854775807"}, 9223372036854775807},
      {"set", {"w", "+set", "w", ":4", "w", "w", "w"}, 4},
      {"sorted set", {"w", "+zset", "w", "w", ":5", "w", "w"}, 5},
      {"hash", {"w", "+hash", "w", "w", "w", ":6", "w"}, 6},
      {"stream", {"w", "+stream", "w", "w", "w", "w", ":7"}, 7},
      {"stream that was trimmed to nothing", {"w", "+stream", "w", "w", "w", "w", ":0"}, 0},
      {"set that is deleted between the rounds", {"w", "+none", ":0", ":0", ":0", ":0", ":0"}, 0},
      {"set that becomes a list between the rounds", {"w", "+list", ":3", "w", "w", "w", "w"}, 3},
      {"list that is created on the way", {"w", "+none", ":0", "w", "w", "w", "w"}, 0},
      {"sorted set that is created on the way", {"w", "+none", ":0", ":0", ":2", "w", "w"}, 2},
      {"list that is emptied on the way", {"w", "+list", ":9", ":0", ":0", ":0", ":0"}, 9},
      {"set that is created on the way, and again a string", {"w", "+none", ":0", ":1", "w", "w", "w"}, 1},
  }));
  INFO(example.description);
  redis::Batch more;
  const auto counts = ByType().Count(kRead, test::PointersTo(RepliesOf(example.replies)), more);
  REQUIRE(counts);
  CHECK(counts->waiting == example.waiting);
  CHECK(more.size() == 0);
}

TEST_CASE("a length that cannot be known is an error and never 0", "[metrics]") {
  struct Case {
    std::vector<std::string> replies;
    UnavailableKind kind;
    std::string text;
  };
  const auto example = GENERATE(values<Case>({
      {{"w", "+string", "w", "w", "w", "w", "w"},
       UnavailableKind::kWrongType,
       R"(the key "q" holds a string, not a list, set, sorted set, hash or stream)"},
      {{"w", "+ReJSON-RL", "w", "w", "w", "w", "w"},
       UnavailableKind::kWrongType,
       R"(the key "q" holds a ReJSON-RL, not a list, set, sorted set, hash or stream)"},
      {{"w", "-LOADING Redis is loading the dataset in memory", ":0", ":0", ":0", ":0", ":0"},
       UnavailableKind::kLoading,
       R"(TYPE of the key "q" was answered "LOADING Redis is loading the dataset in memory")"},
      {{"w", "+list", ":3", "w", "w", "w", "-NOPERM this user has no permissions to run the 'xlen' command"},
       UnavailableKind::kAuth,
       R"(XLEN of the key "q" was answered "NOPERM this user has no permissions to run the 'xlen' command")"},
      {{"-ERR odd"}, UnavailableKind::kServer, R"(LLEN of the key "q" was answered "ERR odd")"},
      {{"w", "w", ":0", ":0", ":0", ":0", ":0"},
       UnavailableKind::kWrongType,
       "TYPE of the key \"q\" was answered \"" + kWrongType + "\""},
      {{"w", "$list", ":3", "w", "w", "w", "w"},
       UnavailableKind::kProtocol,
       R"(TYPE of the key "q" was answered with a reply of the wrong type)"},
      {{"w", ":1", ":3", "w", "w", "w", "w"},
       UnavailableKind::kProtocol,
       R"(TYPE of the key "q" was answered with the number 1)"},
      {{":-1"}, UnavailableKind::kProtocol, R"(LLEN of the key "q" was answered with the number -1)"},
      {{"w", "+set", "w", "$4", "w", "w", "w"},
       UnavailableKind::kProtocol,
       R"(SCARD of the key "q" was answered with a reply of the wrong type)"},
      {{"w", "+zset", "w", "w", "nil", "w", "w"},
       UnavailableKind::kProtocol,
       R"(ZCARD of the key "q" was answered with a reply of the wrong type)"},
  }));
  INFO(example.text);
  try {
    redis::Batch more;
    ByType().Count(kRead, test::PointersTo(RepliesOf(example.replies)), more);
    FAIL("no error");
  } catch (const MetricUnavailableError& error) {
    CHECK(error.kind() == example.kind);
    CHECK(error.what() == example.text);
  }
}

}  // namespace
}  // namespace metrics::layouts
