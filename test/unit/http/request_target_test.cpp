#include "server/http/request_target.h"

#include "test/support/catch.h"

namespace server::http {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

TEST_CASE("a request target is split into decoded segments", "[http]") {
  struct Case {
    std::string target;
    std::vector<std::string> segments;
  };
  const auto example = GENERATE(values<Case>({
      {"/", {""}},
      {"/apis", {"apis"}},
      {"/apis/", {"apis", ""}},
      {"//apis", {"", "apis"}},
      {"/a%20b%3F%23", {"a b?#"}},
      {"/a+b", {"a+b"}},
      {"/a%2Fb", {"a", "b"}},
      {"/a/../b;c", {"a", "..", "b;c"}},
      {"https://example.org/apis?x=1", {"apis"}},
      {"HTTP://example.org/apis", {"apis"}},
      {"https://example.org", {""}},
      {"https://example.org?x=/y", {""}},
      {"/apis?x=/y", {"apis"}},
  }));
  INFO(example.target);
  const auto target = ParseRequestTarget(example.target);
  REQUIRE(target);
  CHECK(target->segments == example.segments);
}

TEST_CASE("a query is read as net/url reads it", "[http]") {
  struct Case {
    std::string query;
    Pairs pairs;
  };
  const auto example = GENERATE(values<Case>({
      {"", {}},
      {"a=1&b=2", {{"a", "1"}, {"b", "2"}}},
      {"a", {{"a", ""}}},
      {"a=", {{"a", ""}}},
      {"=a", {{"", "a"}}},
      {"a=b=c", {{"a", "b=c"}}},
      {"a=x+y%2Bz", {{"a", "x y+z"}}},
      {"&&a=1&", {{"a", "1"}}},
      {"a=1;b=2&c=3", {{"c", "3"}}},
      {"a=%zz&b=%4&c=%&d=%41", {{"d", "A"}}},
      {"a=1&a=2", {{"a", "1"}, {"a", "2"}}},
      {"q?=?", {{"q?", "?"}}},
  }));
  INFO(example.query);
  const auto target = ParseRequestTarget("/p?" + example.query);
  REQUIRE(target);
  CHECK(target->query == example.pairs);
  CHECK(target->path == "/p");
}

TEST_CASE("a target that is no path, or has a bad escape in it, is refused", "[http]") {
  CHECK_FALSE(ParseRequestTarget(""));
  CHECK_FALSE(ParseRequestTarget("*"));
  CHECK_FALSE(ParseRequestTarget("apis"));
  CHECK_FALSE(ParseRequestTarget("example.org:443"));
  CHECK_FALSE(ParseRequestTarget("?x=1"));
  CHECK_FALSE(ParseRequestTarget("ftp://example.org/"));
  CHECK_FALSE(ParseRequestTarget("/%"));
  CHECK_FALSE(ParseRequestTarget("/%4"));
  CHECK_FALSE(ParseRequestTarget("/%4g"));
}

}  // namespace
}  // namespace server::http
