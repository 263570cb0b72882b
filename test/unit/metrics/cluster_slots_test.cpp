#include "metrics/redis/cluster_slots.h"

#include <string>

#include "metrics/redis/resp.h"
#include "test/support/catch.h"

namespace metrics::redis {
namespace {

TEST_CASE("the hash slot of a key is the one that Redis computes", "[redis]") {
  struct Case {
    std::string key;
    std::uint16_t slot;  // As CLUSTER KEYSLOT of Redis 7.0 says.
  };
  const auto example = GENERATE(values<Case>({
      {"", 0},
      {"123456789", 12739},
      {"foo", 12182},
      {"{foo}.bar", 12182},
      {"a{foo}b{bar}", 12182},
      {"{}foo", 9500},
      {"foo{}{bar}", 8363},
      {"foo{{bar}}zap", 4015},
      {"foo{bar", 15278},
      {"}{foo}", 12182},
      {"\xff\x80", 4727},
  }));
  INFO(example.key);
  CHECK(HashSlot(example.key) == example.slot);
}

Reply Parse(std::string_view bytes) {
  ReplyReader reader;
  reader.Feed(bytes);
  Reply reply;
  REQUIRE(reader.Next(reply));
  return reply;
}

TEST_CASE("CLUSTER SLOTS tells the master of each range, in every dialect", "[redis]") {
  const auto ranges = ParseClusterSlots(
      Parse("*4\r\n"
            // Redis 3: host and port; a replica after it.
            "*4\r\n:0\r\n:5460\r\n*2\r\n$9\r\n127.0.0.1\r\n:7000\r\n*2\r\n$9\r\n127.0.0.1\r\n:7003\r\n"
            // Redis 7: the id, and a list of more names.
            "*3\r\n:5461\r\n:5461\r\n*4\r\n$9\r\nhost.name\r\n:7001\r\n$2\r\nid\r\n*2\r\n$2\r\nip\r\n$7\r\n1.2.3.4\r\n"
            // A node that does not know how it is reached.
            "*3\r\n:5462\r\n:10922\r\n*3\r\n$-1\r\n:7002\r\n$2\r\nid\r\n"
            "*3\r\n:10923\r\n:16383\r\n*3\r\n$1\r\n?\r\n:7003\r\n$2\r\nid\r\n"),
      "asked");
  REQUIRE(ranges);
  REQUIRE(ranges->size() == 4);
  CHECK(ranges->at(0).first == 0);
  CHECK(ranges->at(0).last == 5460);
  CHECK(ToString(ranges->at(0).master) == "127.0.0.1:7000");
  CHECK(ToString(ranges->at(1).master) == "host.name:7001");
  CHECK(ToString(ranges->at(2).master) == "asked:7002");
  CHECK(ToString(ranges->at(3).master) == "asked:7003");
}

TEST_CASE("what is not an answer to CLUSTER SLOTS is not used", "[redis]") {
  const auto bytes = GENERATE(values<std::string>({
      "+OK\r\n",
      "*1\r\n:1\r\n",
      "*1\r\n*2\r\n:0\r\n:1\r\n",
      "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\nh\r\n:1\r\n",
      "*1\r\n*3\r\n:-1\r\n:1\r\n*2\r\n$1\r\nh\r\n:1\r\n",
      "*1\r\n*3\r\n:2\r\n:1\r\n*2\r\n$1\r\nh\r\n:1\r\n",
      "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n:0\r\n",
      "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n:65536\r\n",
      "*1\r\n*3\r\n:0\r\n:1\r\n*1\r\n$1\r\nh\r\n",
  }));
  INFO(bytes);
  CHECK_FALSE(ParseClusterSlots(Parse(bytes), "asked"));
}

TEST_CASE("MOVED and ASK say where to ask", "[redis]") {
  struct Case {
    std::string error;
    std::string to;  // Nothing: not a redirection.
    bool is_moved = false;
  };
  const auto example = GENERATE(values<Case>({
      {"MOVED 3999 127.0.0.1:6381", "127.0.0.1:6381", true},
      {"ASK 3999 127.0.0.1:6381", "127.0.0.1:6381", false},
      {"MOVED 3999 redis-2.redis:6379", "redis-2.redis:6379", true},
      {"MOVED 3999 ::1:6381", "[::1]:6381", true},
      {"MOVED 3999 :6381", "asked:6381", true},
      {"MOVED 3999 ?:6381", "asked:6381", true},
      {"MOVED 3999 127.0.0.1:0", ""},
      {"MOVED 3999 127.0.0.1:65536", ""},
      {"MOVED 3999 127.0.0.1", ""},
      {"MOVED", ""},
      {"ASKING", ""},
      {"CLUSTERDOWN Hash slot not served", ""},
  }));
  INFO(example.error);
  const auto redirection = ParseRedirection(example.error, "asked");
  REQUIRE(redirection.has_value() == !example.to.empty());
  if (redirection) {
    CHECK(ToString(redirection->to) == example.to);
    CHECK(redirection->is_moved == example.is_moved);
  }
}

}  // namespace
}  // namespace metrics::redis
