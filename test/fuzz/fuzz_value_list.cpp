// Any sample becomes a document that reads back as that sample: the number exactly, or at the bound of what the HPA can
// compute with, and every label that is text. Labels that are not UTF-8 still make well-formed JSON.
#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>

#include <rapidjson/document.h>

#include "metrics/utf8.h"
#include "server/api/external_metrics.h"
#include "server/wire/json.h"
#include "server/wire/protobuf.h"
#include "server/wire/quantity.h"
#include "test/fuzz/fuzzing.h"

using fuzzing::Require;

namespace {

constexpr std::int64_t kMostForHpa = std::numeric_limits<std::int64_t>::max() / 1000;

/// The number that `quantity` says, read by its grammar: digits, and a suffix for each power of a thousand.
std::int64_t Read(std::string_view quantity) {
  std::int64_t number = 0;
  const char* const end = quantity.data() + quantity.size();
  const auto [rest, error] = std::from_chars(quantity.data(), end, number);
  Require(error == std::errc{} && end - rest <= 1);
  if (rest == end) return number;
  Require(number % 1000 != 0);  // Canonical: the largest suffix.
  const auto suffix = std::string_view("kMGTPE").find(*rest);
  Require(suffix != std::string_view::npos);
  for (std::size_t i = 0; i <= suffix; ++i) Require(!__builtin_mul_overflow(number, 1000, &number));
  return number;
}

std::string_view Text(const rapidjson::Value& value) { return {value.GetString(), value.GetStringLength()}; }

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const auto length = metrics::DecodeUtf8(text).length;
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  metrics::MetricSample sample;
  if (size < sizeof sample.value) return 0;
  std::memcpy(&sample.value, data, sizeof sample.value);
  const std::string_view text = fuzzing::Text(data, size).substr(sizeof sample.value);
  const std::string_view name = text.substr(0, text.find('='));
  const std::string_view label = text.substr(std::min(name.size() + 1, text.size()));
  sample.labels.emplace("queue", label);

  Require(Read(server::wire::QuantityText(sample.value)) == sample.value);
  const std::int64_t clamped = server::wire::ClampForHpa(sample.value);
  Require(clamped >= 0 && clamped <= kMostForHpa);
  Require(clamped == sample.value || sample.value < 0 || sample.value > kMostForHpa);

  const auto list = server::api::ValueList(name, {sample});
  Require(list.items.size() == 1 && Read(list.items[0].value) == clamped);
  for (const auto style : {server::wire::JsonStyle::kCompact, server::wire::JsonStyle::kPretty}) {
    rapidjson::Document document;
    document.Parse<rapidjson::kParseValidateEncodingFlag>(EncodeJson(list, style).c_str());
    Require(!document.HasParseError() && document["items"].Size() == 1);
    const auto& item = document["items"][0];
    Require(Read(item["value"].GetString()) == clamped);
    if (IsUtf8(name)) Require(Text(item["metricName"]) == name);
    if (IsUtf8(label)) Require(Text(item["metricLabels"]["queue"]) == label);
  }
  const std::string protobuf = EncodeProtobuf(list);
  Require(protobuf.find(label) != std::string::npos && protobuf.find(list.items[0].value) != std::string::npos);
  return 0;
}
