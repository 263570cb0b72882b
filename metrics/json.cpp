#include "metrics/json.h"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

#include <rapidjson/document.h>

namespace metrics {
namespace {

const rapidjson::Value& ValueOf(const std::shared_ptr<const void>& value) {
  static const rapidjson::Value kAbsent;
  return value ? *static_cast<const rapidjson::Value*>(value.get()) : kAbsent;
}

std::string ToString(const rapidjson::Value& value) { return {value.GetString(), value.GetStringLength()}; }

/// Null for what is not JSON.
template <unsigned kFlags>
std::shared_ptr<const void> ParseAs(std::string_view text) {
  const auto document = std::make_shared<rapidjson::Document>();
  // Iterative: the depth of a document must not become the depth of the stack.
  document->Parse<rapidjson::kParseIterativeFlag | kFlags>(text.data(), text.size());
  return document->HasParseError() ? nullptr : std::shared_ptr<const rapidjson::Value>(document);
}

/// Whether `text` begins with the escape of a surrogate, whose second digit is one of `digits`.
bool BeginsWithSurrogate(std::string_view text, std::string_view digits) {
  constexpr std::string_view kEscape = "\\u";
  return text.size() >= 6 && text.substr(0, 2) == kEscape && (text[2] == 'd' || text[2] == 'D') &&
         digits.find(text[3]) != std::string_view::npos;
}

bool IsBeyondDouble(std::string_view number) {
  double ignored = 0;
  return std::from_chars(number.data(), number.data() + number.size(), ignored).ec == std::errc::result_out_of_range;
}

/// `text` without what frameworks write into JSON and RapidJSON refuses: half a pair of surrogates is U+FFFD, and a
/// number beyond those of a double null.
std::string Repaired(std::string_view text) {
  std::string repaired;
  bool in_string = false;
  while (!text.empty()) {
    std::size_t size = 1;
    std::string_view replacement;
    if (text.front() == '"') {
      in_string = !in_string;
    } else if (in_string && text.front() == '\\') {
      const bool is_high = BeginsWithSurrogate(text, "89abAB");
      if (is_high && BeginsWithSurrogate(text.substr(6), "cdefCDEF")) {
        size = 12;
      } else if (is_high || BeginsWithSurrogate(text, "cdefCDEF")) {
        size = 6;
        replacement = "\\ufffd";
      } else {
        size = std::min<std::size_t>(2, text.size());
      }
    } else if (!in_string) {
      size = std::max<std::size_t>(1, std::min(text.find_first_not_of("+-.0123456789eE"), text.size()));
      if (IsBeyondDouble(text.substr(0, size))) replacement = "null";
    }
    repaired += replacement.empty() ? text.substr(0, size) : replacement;
    text.remove_prefix(size);
  }
  return repaired;
}

}  // namespace

std::optional<Json> Json::Parse(std::string_view text) {
  auto document = ParseAs<rapidjson::kParseValidateEncodingFlag>(text);
  return document ? std::optional(Json(std::move(document))) : std::nullopt;
}

Json Json::ParseJob(std::string_view text) {
  auto document = ParseAs<rapidjson::kParseNanAndInfFlag>(text);
  if (!document) document = ParseAs<rapidjson::kParseNanAndInfFlag>(Repaired(text));
  return Json(std::move(document));
}

Json Json::operator[](std::string_view name) const {
  const rapidjson::Value& value = ValueOf(value_);
  if (!value.IsObject()) {
    return {};
  }
  const rapidjson::Value key(rapidjson::StringRef(name.data(), static_cast<rapidjson::SizeType>(name.size())));
  const auto member = value.FindMember(key);
  return Json(member == value.MemberEnd() ? nullptr : std::shared_ptr<const void>(value_, &member->value));
}

Json Json::At(std::size_t index) const {
  const rapidjson::Value& value = ValueOf(value_);
  if (!value.IsArray() || index >= value.Size()) {
    return {};
  }
  return Json(std::shared_ptr<const void>(value_, &value[static_cast<rapidjson::SizeType>(index)]));
}

bool Json::IsObject() const { return ValueOf(value_).IsObject(); }

bool Json::Bool() const { return ValueOf(value_).IsTrue(); }

std::optional<std::int64_t> Json::Int() const {
  const rapidjson::Value& value = ValueOf(value_);
  return value.IsInt64() ? std::optional(value.GetInt64()) : std::nullopt;
}

std::optional<double> Json::Number() const {
  const rapidjson::Value& value = ValueOf(value_);
  return value.IsNumber() ? std::optional(value.GetDouble()) : std::nullopt;
}

std::string Json::String() const { return Text().value_or(std::string()); }

std::optional<std::string> Json::Text() const {
  const rapidjson::Value& value = ValueOf(value_);
  return value.IsString() ? std::optional(ToString(value)) : std::nullopt;
}

std::optional<std::vector<std::string>> Json::Strings() const {
  const rapidjson::Value& value = ValueOf(value_);
  if (!value.IsArray()) {
    return std::nullopt;
  }
  std::vector<std::string> strings;
  for (const rapidjson::Value& element : value.GetArray()) {
    if (!element.IsString()) {
      return std::nullopt;
    }
    strings.push_back(ToString(element));
  }
  return strings;
}

std::vector<Json> Json::Elements() const {
  std::vector<Json> elements;
  if (const rapidjson::Value& value = ValueOf(value_); value.IsArray()) {
    for (const rapidjson::Value& element : value.GetArray()) {
      elements.push_back(Json(std::shared_ptr<const void>(value_, &element)));
    }
  }
  return elements;
}

std::map<std::string, Json> Json::Members() const {
  std::map<std::string, Json> members;
  if (const rapidjson::Value& value = ValueOf(value_); value.IsObject()) {
    for (const auto& member : value.GetObject()) {
      members.emplace(ToString(member.name), Json(std::shared_ptr<const void>(value_, &member.value)));
    }
  }
  return members;
}

}  // namespace metrics
