#include "server/api/discovery.h"

#include "server/wire/json.h"
#include "server/wire/protobuf.h"
#include "test/support/catch.h"
#include "test/support/golden.h"

namespace server::api {
namespace {

template <typename Object>
void CheckEqual(const Object& object, const rapidjson::Value& golden) {
  CHECK(wire::EncodeJson(object, wire::JsonStyle::kCompact) == test::Text(golden, "json_text"));
  CHECK(test::Hex(wire::EncodeProtobuf(object)) == test::Text(golden, "protobuf_hex"));
}

TEST_CASE("the discovery documents are those of Go's library", "[api]") {
  const auto legacy = test::ReadGolden("discovery_legacy.json");
  const auto aggregated = test::ReadGolden("discovery_aggregated.json");
  CheckEqual(DescribeGroup(), legacy[0]);
  CheckEqual(DescribeGroups(), legacy[1]);
  CheckEqual(DescribeResources({"queue-depth", "other"}), legacy[2]);
  CheckEqual(DescribeResources({}), legacy[3]);
  CheckEqual(DescribeAll({"queue-depth", "other"}), aggregated[0]);
  CheckEqual(DescribeAll({}), aggregated[1]);
}

}  // namespace
}  // namespace server::api
