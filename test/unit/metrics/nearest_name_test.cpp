#include "metrics/nearest_name.h"

#include <string>
#include <vector>

#include "test/support/catch.h"

namespace metrics {
namespace {

TEST_CASE("a misspelt name is told the nearest one", "[metrics]") {
  struct Case {
    std::string name;
    std::optional<std::string_view> nearest;
  };
  const std::vector<std::string_view> known{"redis", "queues", "passwordFile", "namespaces"};
  const auto example = GENERATE(values<Case>({
      {"redsi", "redis"},
      {"rdeos", std::nullopt},
      {"reds", "redis"},
      {"redis", "redis"},
      {"Queues", "queues"},
      {"quues", "queues"},
      {"queue", "queues"},
      {"password", "passwordFile"},
      {"pa", std::nullopt},
      {"PASSWORDFILE", "passwordFile"},
      {"namespace", "namespaces"},
      {"layout", std::nullopt},
      {"", std::nullopt},
  }));
  INFO(example.name);
  CHECK(NearestName(example.name, known) == example.nearest);
  CHECK(NearestName(std::string(10'000, 'q'), known) == std::nullopt);
}

}  // namespace
}  // namespace metrics
