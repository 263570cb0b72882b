#include "metrics/layouts/reply_cursor.h"

#include <string>
#include <vector>

#include "metrics/metric_provider.h"
#include "test/support/answers.h"
#include "test/support/catch.h"

namespace test {
namespace {

using metrics::layouts::ReplyCursor;

std::string MembersIn(const Reply& reply) {
  const std::vector<const Reply*> replies{&reply};
  ReplyCursor cursor(replies);
  std::string text;
  for (const auto& [member, score] : cursor.MembersAndScores("ZRANGE", "q")) {
    text.append(member).append("=").append(score).append(" ");
  }
  return text;
}

TEST_CASE("members and scores are read in turn, as RESP2 sends them, and in pairs, as RESP3 does", "[layouts]") {
  CHECK(MembersIn(Texts({"a", "1", "b", "2.5"})) == "a=1 b=2.5 ");
  CHECK(MembersIn(Array({Texts({"a", "1"}), Texts({"b", "2.5"})})) == "a=1 b=2.5 ");
  CHECK(MembersIn(Array({})).empty());
}

TEST_CASE("what is no members and scores is refused", "[layouts]") {
  const auto reply = GENERATE(values<Reply>({
      Nil(),
      Number(1),
      Error("WRONGTYPE Operation against a key holding the wrong kind of value"),
      Texts({"a"}),
      Texts({"a", "1", "b"}),
      Array({Texts({"a", "1"}), Texts({"b"})}),
      Array({Texts({"a", "1"}), Texts({"b", "2", "c"})}),
      Array({Texts({"a", "1"}), Text("b")}),
      Array({Text("a"), Number(1)}),
      Array({Array({Text("a"), Number(1)})}),
  }));
  CHECK_THROWS_AS(MembersIn(reply), metrics::MetricUnavailableError);
}

}  // namespace
}  // namespace test
