#include "metrics/redis/resp.h"

#include <string>
#include <string_view>
#include <vector>

#include "test/support/catch.h"

namespace metrics::redis {
namespace {

using namespace std::string_literals;

std::vector<Reply> ReadAll(ReplyReader& reader) {
  std::vector<Reply> replies;
  for (Reply reply; reader.Next(reply);) replies.push_back(reply);
  return replies;
}

/// A reply as one would write it by hand.
std::string Show(const Reply& reply) {
  switch (reply.type) {
    case Reply::Type::kNil:
      return "nil";
    case Reply::Type::kInteger:
      return std::to_string(reply.integer);
    case Reply::Type::kString:
      return "'" + reply.text + "'";
    case Reply::Type::kStatus:
      return "+" + reply.text;
    case Reply::Type::kError:
      return (reply.is_discarded ? "~" : "-") + reply.text;
    case Reply::Type::kUnavailable:
      return "?" + reply.text;
    case Reply::Type::kArray:
      break;
  }
  std::string text = "[";
  for (const Reply& element : reply.elements) text += Show(element) + " ";
  return text + "]";
}

std::string Nested(std::size_t depth) {
  std::string bytes;
  for (std::size_t i = 0; i < depth; ++i) bytes += "*1\r\n";
  return bytes + ":1\r\n";
}

/// Replies as Redis sends them.
std::vector<Reply> Parse(std::string_view bytes) {
  ReplyReader reader;
  reader.Feed(bytes);
  return ReadAll(reader);
}

TEST_CASE("a batch knows the key of each command", "[redis]") {
  Batch batch;
  batch.Add({"LLEN", "emails"});
  batch.Add({"XINFO", "GROUPS", "stream"});
  batch.Add({"LINDEX", "", "-1"});
  batch.Add({"PING"});
  batch.Add({"HGET", std::string_view("a\r\n\0b", 5), "field"});
  REQUIRE(batch.size() == 5);
  CHECK(batch.Key(0) == "emails");
  CHECK(batch.Key(1) == "stream");
  CHECK(batch.Key(2).empty());
  CHECK(batch.Key(3).empty());
  CHECK(batch.Key(4) == std::string_view("a\r\n\0b", 5));
}

TEST_CASE("a command copied from another batch is the same command", "[redis]") {
  Batch from;
  from.Add({"LLEN", "emails"});
  from.Add({"ZCARD", "delayed"});
  Batch to;
  to.Add({"PING"});
  to.AddFrom(from, 1);
  CHECK(to.bytes() == "*1\r\n$4\r\nPING\r\n*2\r\n$5\r\nZCARD\r\n$7\r\ndelayed\r\n");
  CHECK(to.Key(1) == "delayed");
}

TEST_CASE("a transaction is sent between MULTI and EXEC, and gives one reply for each of its commands", "[redis]") {
  Batch batch;
  batch.Add({"LLEN", "a"});
  batch.BeginTransaction();
  batch.Add({"LLEN", "b"});
  batch.Add({"LLEN", "c"});
  batch.EndTransaction();
  batch.Add({"LLEN", "d"});
  CHECK(batch.bytes() ==
        "*2\r\n$4\r\nLLEN\r\n$1\r\na\r\n*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nLLEN\r\n$1\r\nb\r\n"
        "*2\r\n$4\r\nLLEN\r\n$1\r\nc\r\n*1\r\n$4\r\nEXEC\r\n*2\r\n$4\r\nLLEN\r\n$1\r\nd\r\n");
  CHECK(batch.size() == 4);
  CHECK(batch.raw_size() == 6);
  REQUIRE(batch.transactions().size() == 1);
  CHECK(batch.transactions()[0].first == 1);
  CHECK(batch.transactions()[0].count == 2);

  struct Case {
    std::string raw;
    std::string replies;
  };
  const auto example = GENERATE(values<Case>({
      {"+QUEUED\r\n+QUEUED\r\n*2\r\n:2\r\n:3\r\n", "1 2 3 4 "},
      {"+QUEUED\r\n+QUEUED\r\n*2\r\n-WRONGTYPE x\r\n:3\r\n", "1 -WRONGTYPE x 3 4 "},
      {"+QUEUED\r\n-MOVED 7 h:1\r\n-EXECABORT x\r\n", "1 ~MOVED 7 h:1 -MOVED 7 h:1 4 "},
      {"-NOPERM a\r\n-NOPERM b\r\n-EXECABORT x\r\n", "1 -NOPERM a -NOPERM b 4 "},
      {"+QUEUED\r\n+QUEUED\r\n-TRYAGAIN x\r\n", "1 -TRYAGAIN x -TRYAGAIN x 4 "},
      {"+QUEUED\r\n+QUEUED\r\n*1\r\n:2\r\n",
       "1 -ERR EXEC gave no reply for each command -ERR EXEC gave no reply for each command 4 "},
      {"+QUEUED\r\n+QUEUED\r\n*-1\r\n",
       "1 -ERR EXEC gave no reply for each command -ERR EXEC gave no reply for each command 4 "},
  }));
  std::string shown;
  for (const Reply& reply : batch.Unwrap(Parse(":1\r\n+OK\r\n" + example.raw + ":4\r\n"))) shown += Show(reply) + " ";
  CHECK(shown == example.replies);
}

TEST_CASE("who may not make transactions is told so, not given what was read without one", "[redis]") {
  Batch batch;
  batch.BeginTransaction();
  batch.Add({"LLEN", "a"});
  batch.EndTransaction();
  const auto replies = batch.Unwrap(Parse("-NOPERM multi\r\n:2\r\n-ERR EXEC without MULTI\r\n"));
  REQUIRE(replies.size() == 1);
  CHECK(Show(replies[0]) == "-NOPERM multi");
}

TEST_CASE("a batch is the bytes of its commands, whatever bytes they hold", "[redis]") {
  Batch batch;
  CHECK(batch.size() == 0);
  batch.Add({"PING"});
  batch.Add({"LLEN", "a b\r\n\0c"s});
  batch.Add({"GET", ""});
  CHECK(batch.size() == 3);
  CHECK(batch.bytes() == "*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nLLEN\r\n$7\r\na b\r\n\0c\r\n*2\r\n$3\r\nGET\r\n$0\r\n\r\n"s);
}

/// One reply, whether it arrives whole or byte by byte.
void CheckReads(Protocol protocol, const std::string& bytes, const std::string& shown) {
  INFO(bytes);
  ReplyReader whole(protocol);
  whole.Feed(bytes);
  const auto replies = ReadAll(whole);
  REQUIRE(replies.size() == 1);
  CHECK(Show(replies[0]) == shown);

  ReplyReader bytewise(protocol);
  for (const char& byte : bytes) {
    Reply reply;
    REQUIRE_FALSE(bytewise.Next(reply));
    bytewise.Feed({&byte, 1});
  }
  Reply reply;
  REQUIRE(bytewise.Next(reply));
  CHECK(Show(reply) == shown);
  CHECK_FALSE(bytewise.Next(reply));
}

TEST_CASE("every type of reply is read", "[redis]") {
  struct Case {
    std::string bytes;
    std::string shown;
  };
  const auto example = GENERATE(values<Case>({
      {":0\r\n", "0"},
      {":-7\r\n", "-7"},
      {":9223372036854775807\r\n", "9223372036854775807"},
      {"+OK\r\n", "+OK"},
      {"+\r\n", "+"},
      {"-ERR no\r\n", "-ERR no"},
      {"$3\r\na\0b\r\n"s, "'a\0b'"s},
      {"$0\r\n\r\n", "''"},
      {"$4\r\n\r\n\r\n\r\n", "'\r\n\r\n'"},
      {"$-1\r\n", "nil"},
      {"*-1\r\n", "nil"},
      {"*0\r\n", "[]"},
      {"*3\r\n:1\r\n*2\r\n$1\r\na\r\n-E\r\n$-1\r\n", "[1 ['a' -E ] nil ]"},
      {Nested(7), "[[[[[[[1 ] ] ] ] ] ] ]"},
  }));
  CheckReads(GENERATE(Protocol::kResp2, Protocol::kResp3), example.bytes, example.shown);
}

TEST_CASE("what only RESP3 has is read as RESP2 would have sent it", "[redis]") {
  struct Case {
    std::string bytes;
    std::string shown;
  };
  const auto example = GENERATE(values<Case>({
      {"_\r\n", "nil"},
      {"#t\r\n", "1"},
      {"#f\r\n", "0"},
      {",1.5\r\n", "'1.5'"},
      {",1732000000.25\r\n", "'1732000000.25'"},
      {",-1e-07\r\n", "'-1e-07'"},
      {",inf\r\n", "'inf'"},
      {",-inf\r\n", "'-inf'"},
      {"(3492890328409238509324850943850943825024385\r\n", "'3492890328409238509324850943850943825024385'"},
      {"(-1\r\n", "'-1'"},
      {"!10\r\nERR a\r\n\0 b\r\n"s, "-ERR a  \0 b"s},
      {"=8\r\ntxt:a\r\nb\r\n", "'a\r\nb'"},
      {"=4\r\nmkd:\r\n", "''"},
      {"%2\r\n+a\r\n:1\r\n$1\r\nb\r\n*1\r\n:2\r\n", "[+a 1 'b' [2 ] ]"},
      {"%0\r\n", "[]"},
      {"~3\r\n$1\r\na\r\n_\r\n#t\r\n", "['a' nil 1 ]"},
      {"*1\r\n%1\r\n+lag\r\n_\r\n", "[[+lag nil ] ]"},
      {"|1\r\n+ttl\r\n:3600\r\n$1\r\na\r\n", "'a'"},
      {"*3\r\n:1\r\n|1\r\n+key\r\n*2\r\n:7\r\n:8\r\n*1\r\n:2\r\n:3\r\n", "[1 [2 ] 3 ]"},
      {"*2\r\n|1\r\n+a\r\n|0\r\n+b\r\n|1\r\n+c\r\n+d\r\n:1\r\n|0\r\n:2\r\n", "[1 2 ]"},
      {">2\r\n+invalidate\r\n*1\r\n$1\r\nq\r\n:5\r\n", "5"},
      {">0\r\n|0\r\n>1\r\n|1\r\n+a\r\n+b\r\n+c\r\n%1\r\n:5\r\n:6\r\n", "[5 6 ]"},
  }));
  CheckReads(Protocol::kResp3, example.bytes, example.shown);
}

TEST_CASE("replies come in order, and one does not leak into the next", "[redis]") {
  ReplyReader reader;
  reader.Feed("*2\r\n+a\r\n:5\r\n$1\r\nb\r\n:6\r\n*1\r\n:7\r\n-E");
  const auto replies = ReadAll(reader);
  REQUIRE(replies.size() == 4);
  CHECK(Show(replies[0]) == "[+a 5 ]");
  CHECK(Show(replies[1]) == "'b'");
  CHECK(Show(replies[2]) == "6");
  CHECK(replies[2].text.empty());
  CHECK(Show(replies[3]) == "[7 ]");
  reader.Feed("\r\n");
  Reply reply;
  REQUIRE(reader.Next(reply));
  CHECK(Show(reply) == "-E");
}

TEST_CASE("messages that Redis pushes between replies are left out", "[redis]") {
  ReplyReader reader(Protocol::kResp3);
  reader.Feed(":1\r\n>2\r\n+message\r\n$3\r\nhey\r\n:2\r\n>1\r\n+more\r\n");
  const auto replies = ReadAll(reader);
  REQUIRE(replies.size() == 2);
  CHECK(Show(replies[0]) == "1");
  CHECK(Show(replies[1]) == "2");
  reader.Feed("_\r\n");
  REQUIRE(ReadAll(reader).size() == 1);
}

TEST_CASE("pushed messages may together be as long as they like", "[redis]") {
  ReplyReader reader(Protocol::kResp3);
  const std::string message = ">1\r\n$10000\r\n" + std::string(10'000, 'x') + "\r\n";
  for (std::size_t fed = 0; fed < 3 * ReplyReader::kMaxReplyBytes; fed += message.size()) {
    reader.Feed(message);
    REQUIRE(ReadAll(reader).empty());
  }
  reader.Feed("*65536\r\n");
  CHECK(ReadAll(reader).empty());
}

struct Refused {
  std::string bytes;
  std::string problem;
};

void CheckRefuses(Protocol protocol, const Refused& example) {
  INFO(example.bytes);
  ReplyReader reader(protocol);
  reader.Feed(example.bytes);
  const auto tells = [&](const ProtocolError& error) {
    UNSCOPED_INFO(error.what());
    const bool is_of_size = example.problem == "too large" || example.problem == "longer than";
    if (is_of_size != (dynamic_cast<const ReplyTooLarge*>(&error) != nullptr)) return false;
    return std::string(error.what()).find(example.problem) != std::string::npos;
  };
  Reply reply;
  CHECK_THROWS_MATCHES(reader.Next(reply), ProtocolError, Catch::Matchers::Predicate<ProtocolError>(tells));
}

TEST_CASE("what is not RESP is refused", "[redis]") {
  CheckRefuses(GENERATE(Protocol::kResp2, Protocol::kResp3),
               GENERATE(values<Refused>({
                   {"HTTP/1.1 400 Bad Request\r\n\r\n", "not RESP"},
                   {"\x15\x03\x03\x00\x02"s, "not RESP"},
                   {"\r\n", "not RESP"},
                   {":abc\r\n", "not RESP"},
                   {":\r\n", "not RESP"},
                   {":92233720368547758070\r\n", "not RESP"},
                   {"$-2\r\n", "not RESP"},
                   {"*-2\r\n", "not RESP"},
                   {"$x\r\n", "not RESP"},
                   {"*1\r\nx\r\n", "not RESP"},
                   {"*65537\r\n", "too large"},
                   {"*40000\r\n*40000\r\n", "too large"},
                   {"*2147483647\r\n", "too large"},
                   {Nested(8), ""},  // hiredis 0.14 has its own words for it.
               })));
}

TEST_CASE("what only RESP3 has is refused where RESP2 is spoken", "[redis]") {
  CheckRefuses(Protocol::kResp2, GENERATE(values<Refused>({
                                     {"%1\r\n+a\r\n:1\r\n", ""},
                                     {",1.5\r\n", ""},
                                     {"#t\r\n", ""},
                                     {">1\r\n:1\r\n", ""},
                                     {"*1\r\n#t\r\n", ""},
                                     {"=7\r\ntxt:abc\r\n", ""},
                                 })));
}

TEST_CASE("what is not RESP3 is refused", "[redis]") {
  CheckRefuses(Protocol::kResp3, GENERATE(values<Refused>({
                                     {"*1\r\n%1\r\n:1\r\n|1\r\n+a\r\n:1\r\n" + Nested(6), ""},
                                     {"%-1\r\n", "not RESP"},
                                     {"~-1\r\n", "not RESP"},
                                     {"%32769\r\n", "too large"},
                                     {"%18446744073709551615\r\n", "too large"},
                                     {"%9223372036854775809\r\n", "too large"},
                                     {"|65537\r\n", "too large"},
                                     {"$?\r\n", "not RESP"},  // Streamed, which no Redis does.
                                     {"*?\r\n", "not RESP"},
                                     {"#\r\n", "not RESP"},
                                     {"#true\r\n", "not RESP"},
                                     {"_x\r\n", "not RESP"},
                                     {"+OK\n", "not RESP"},
                                     {"!-1\r\n", "not RESP"},
                                     {"=3\r\ntxt\r\n", "not RESP"},
                                     {"!5\r\nERR x*1\r\n", "not RESP: something that begins with \"!\""},
                                     {"$1\r\nsecret\r\n", "not RESP: something that begins with \"$\""},
                                     {"*2\r\n|1\r\n+a\r\n$1\r\nbc\r\n:1\r\n:2\r\n", "not RESP"},
                                     {"$18446744073709551615\r\n", "longer than"},
                                     {"secret", "not RESP: something that begins with \"s\""},
                                 })));
}

TEST_CASE("what was read before the stream broke is not lost", "[redis]") {
  ReplyReader reader(Protocol::kResp3);
  reader.Feed(":1\r\n#t\r\nHTTP");
  Reply reply;
  REQUIRE(reader.Next(reply));
  REQUIRE(reader.Next(reply));
  CHECK_THROWS_AS(reader.Next(reply), ProtocolError);
  reader.Feed(":1\r\n");
  CHECK_THROWS_AS(reader.Next(reply), ProtocolError);
}

TEST_CASE("a reply that is too long is refused before it has filled the memory", "[redis]") {
  struct Case {
    std::string start;
    std::string more;  // Again and again.
  };
  const auto example = GENERATE(values<Case>({
      {"$104857600\r\n", std::string(16'384, 'x')},
      {"+", std::string(16'384, 'x')},
      {"*60000\r\n", "$16384\r\n" + std::string(16'384, 'x') + "\r\n"},
  }));
  ReplyReader reader(GENERATE(Protocol::kResp2, Protocol::kResp3));
  reader.Feed(example.start);
  std::size_t fed = 0;
  const auto feed = [&] {
    for (Reply reply; !reader.Next(reply) && fed < 4 * ReplyReader::kMaxReplyBytes; fed += example.more.size()) {
      reader.Feed(example.more);
    }
  };
  CHECK_THROWS_MATCHES(feed(), ReplyTooLarge, Catch::Matchers::Message("with a reply longer than 16777216 bytes"));
  CHECK(fed <= ReplyReader::kMaxReplyBytes + example.more.size());
}

TEST_CASE("many replies in a row may together be as long as they like", "[redis]") {
  ReplyReader reader;
  const std::string reply_bytes = "$10000\r\n" + std::string(10'000, 'x') + "\r\n";
  std::size_t count = 0;
  for (std::size_t fed = 0; fed < 3 * ReplyReader::kMaxReplyBytes; fed += reply_bytes.size()) {
    reader.Feed(reply_bytes);
    count += ReadAll(reader).size();
  }
  CHECK(count > 300);
}

}  // namespace
}  // namespace metrics::redis
