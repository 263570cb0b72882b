#include "server/kube/json.h"

#include "test/support/catch.h"

namespace server::kube {
namespace {

TEST_CASE("values are found by their path, and what is missing or of another type is empty") {
  const auto json = Json::Parse(R"({"a":{"b":"x","yes":true,"list":["1","2"],"mixed":["1",2]}})");
  REQUIRE(json);
  CHECK((*json)["a"]["b"].String() == "x");
  CHECK((*json)["a"]["yes"].Bool());
  CHECK((*json)["a"]["list"].Strings() == std::vector<std::string>{"1", "2"});
  CHECK_FALSE((*json)["a"]["mixed"].Strings());
  CHECK((*json)["a"].Members().size() == 4);
  CHECK((*json)["nothing"]["below"]["it"].String().empty());
  CHECK_FALSE((*json)["a"]["b"].Bool());
  CHECK_FALSE((*json)["a"]["b"].Strings());
  CHECK_FALSE((*json)["a"]["b"].IsObject());
}

TEST_CASE("numbers are whole or nothing, and arrays can be walked") {
  const auto json = Json::Parse(R"({"n":[-3,2147483648,1.5,"4",9223372036854775808]})");
  REQUIRE(json);
  std::vector<std::optional<std::int64_t>> numbers;
  for (const Json& element : (*json)["n"].Elements()) {
    numbers.push_back(element.Int());
  }
  CHECK(numbers == std::vector<std::optional<std::int64_t>>{-3, 2147483648, {}, {}, {}});
  CHECK((*json)["nothing"].Elements().empty());
  CHECK_FALSE((*json)["nothing"].Int());
}

TEST_CASE("a value outlives the document it came from") {
  const auto value = [] { return (*Json::Parse(R"({"a":"text"})"))["a"]; }();
  CHECK(value.String() == "text");
}

TEST_CASE("strings keep their escapes' meaning") {
  CHECK((*Json::Parse(R"({"a":"\u0000é\n"})"))["a"].String() == std::string("\0\u00e9\n", 4));
}

TEST_CASE("what is not JSON is nothing") {
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("{\"a\":1} x"), std::string("\"\xff\"")}) {
    INFO(text);
    CHECK_FALSE(Json::Parse(text));
  }
}

TEST_CASE("depth does not cost stack") {
  const std::string deep(1'000'000, '[');
  CHECK_FALSE(Json::Parse(deep));
  CHECK(Json::Parse(deep + std::string(1'000'000, ']')));
}

}  // namespace
}  // namespace server::kube
