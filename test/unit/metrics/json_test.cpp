#include "metrics/json.h"

#include <string>

#include "test/support/catch.h"

namespace metrics {
namespace {

TEST_CASE("what is absent in JSON, or of another type, is nothing", "[metrics]") {
  const Json json = Json::Parse(R"({"a":{"b":"text","n":1.5},"list":[1,"x"],"null":null})");
  CHECK(json["a"]["b"].String() == "text");
  CHECK(json["a"]["n"].Number() == 1.5);
  CHECK(json["list"].At(0).Number() == 1);
  CHECK(json["list"].At(1).String() == "x");
  CHECK_FALSE(json["list"].At(2).String());
  CHECK_FALSE(json["a"].At(0).String());
  CHECK_FALSE(json["a"]["n"].String());
  CHECK_FALSE(json["a"]["b"].Number());
  CHECK_FALSE(json["null"].String());
  CHECK_FALSE(json["c"]["d"]["e"].String());
  CHECK_FALSE(Json::Parse("no JSON")["a"].String());
  CHECK_FALSE(Json::Parse("")["a"].String());
  CHECK_FALSE(Json::Parse(std::string(100'000, '['))["a"].String());
}

}  // namespace
}  // namespace metrics
