#include "metrics/metric_provider.h"

#include <set>
#include <string>

#include "test/support/catch.h"

namespace metrics {
namespace {

TEST_CASE("every kind of failure has a name of its own, fit for a label", "[metrics]") {
  std::set<std::string_view> names;
  for (const auto kind : {UnavailableKind::kTimeout, UnavailableKind::kConnection, UnavailableKind::kProtocol,
                          UnavailableKind::kAuth, UnavailableKind::kLoading, UnavailableKind::kWrongType,
                          UnavailableKind::kServer, UnavailableKind::kTooLarge, UnavailableKind::kOverload}) {
    const std::string_view name = Name(kind);
    CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string_view::npos);
    names.insert(name);
  }
  CHECK(names.size() == 9);
}

}  // namespace
}  // namespace metrics
