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

TEST_CASE("a job may hold what JSON does not allow and languages write", "[metrics]") {
  const auto text =
      GENERATE(as<std::string>(), R"({"args":[NaN,Infinity,-Infinity],"q":"x"})", R"({"args":["\ud83d"],"q":"x"})",
               R"({"args":["\ud83d\u0041 \uDE80\\"],"q":"x"})", R"({"args":["\\\ud83d 1e999","\"\ud83d"],"q":"x"})",
               R"({"args":[1e999,-1e999],"q":"x"})", "{\"args\":[1" + std::string(400, '0') + ".5],\"q\":\"x\"}");
  INFO(text);
  CHECK(Json::ParseJob(text)["q"].Text() == "x");
  CHECK_FALSE(Json::Parse(text));
}

TEST_CASE("of a job that JSON does not allow, the rest means what it means", "[metrics]") {
  const Json job = Json::ParseJob(R"({"n":1e999,"half":"\udbff!","whole":"\ud83d\ude80","small":-1.5e3})");
  CHECK_FALSE(job["n"].Number());
  CHECK(job["half"].Text() == "\ufffd!");
  CHECK(job["whole"].Text() == "\U0001f680");
  CHECK(job["small"].Number() == -1500);
  CHECK_FALSE(Json::ParseJob(R"({"a":"\)")["a"].Text());
  CHECK_FALSE(Json::ParseJob(R"({"a":"\ud8)")["a"].Text());
}

}  // namespace
}  // namespace metrics
