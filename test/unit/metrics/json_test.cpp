#include "metrics/json.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "test/support/catch.h"

namespace metrics {
namespace {

TEST_CASE("what is absent in JSON, or of another type, is nothing", "[metrics]") {
  const Json json = Json::ParseJob(R"({"a":{"b":"text","n":1.5},"list":[1,"x"],"null":null})");
  CHECK(json["a"]["b"].Text() == "text");
  CHECK(json["a"]["n"].Number() == 1.5);
  CHECK(json["list"].At(0).Number() == 1);
  CHECK(json["list"].At(1).Text() == "x");
  CHECK_FALSE(json["list"].At(2).Text());
  CHECK_FALSE(json["a"].At(0).Text());
  CHECK_FALSE(json["a"]["n"].Text());
  CHECK_FALSE(json["a"]["b"].Number());
  CHECK_FALSE(json["null"].Text());
  CHECK_FALSE(json["c"]["d"]["e"].Text());
  CHECK_FALSE(Json::ParseJob("no JSON")["a"].Text());
  CHECK_FALSE(Json::ParseJob("")["a"].Text());
  CHECK_FALSE(Json::ParseJob(std::string(100'000, '['))["a"].Text());
}

TEST_CASE("values are found by their path, and what is missing or of another type is empty", "[metrics]") {
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

TEST_CASE("numbers are whole or nothing, and arrays can be walked", "[metrics]") {
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

TEST_CASE("a value outlives the document it came from", "[metrics]") {
  const auto value = [] { return (*Json::Parse(R"({"a":"text"})"))["a"]; }();
  CHECK(value.String() == "text");
}

TEST_CASE("strings keep their escapes' meaning", "[metrics]") {
  CHECK((*Json::Parse(R"({"a":"\u0000é\n"})"))["a"].String() == std::string("\0\u00e9\n", 4));
}

TEST_CASE("what is not JSON is nothing", "[metrics]") {
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("{\"a\":1} x"), std::string("\"\xff\"")}) {
    INFO(text);
    CHECK_FALSE(Json::Parse(text));
  }
}

TEST_CASE("depth does not cost stack", "[metrics]") {
  const std::string deep(1'000'000, '[');
  CHECK_FALSE(Json::Parse(deep));
  CHECK(Json::Parse(deep + std::string(1'000'000, ']')));
}

TEST_CASE("a job's strings may hold any bytes", "[metrics]") {
  CHECK(Json::ParseJob("{\"a\":\"\xff\"}")["a"].Text() == "\xff");
}

}  // namespace
}  // namespace metrics
