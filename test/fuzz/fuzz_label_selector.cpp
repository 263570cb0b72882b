// Any bytes are read or refused, and what is read prints as a text that reads back as the same selector.
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "metrics/label_selector.h"
#include "test/fuzz/fuzzing.h"

using fuzzing::Require;
using metrics::LabelSelector;

namespace {

using LabelMap = std::map<std::string, std::string, std::less<>>;

const std::array<LabelMap, 4> kLabelMaps{{
    {},
    {{"queue", "orders"}, {"redis", "main"}},
    {{"x", ""}, {"y", "5"}},
    {{"x", "-9223372036854775808"}, {"in", "in"}},
}};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  LabelSelector selector;
  try {
    selector = LabelSelector::Parse(fuzzing::Text(data, size));
  } catch (const metrics::LabelSelectorError&) {
    return 0;
  }
  const auto canonical = selector.ToString();
  const auto again = LabelSelector::Parse(canonical);
  Require(again == selector);
  Require(again.ToString() == canonical);
  for (const auto& labels : kLabelMaps) Require(again.Matches(labels) == selector.Matches(labels));
  return 0;
}
