#include "metrics/json.h"

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

}  // namespace

std::optional<Json> Json::Parse(std::string_view text) {
  auto document = ParseAs<rapidjson::kParseValidateEncodingFlag>(text);
  return document ? std::optional(Json(std::move(document))) : std::nullopt;
}

Json Json::ParseJob(std::string_view text) { return Json(ParseAs<rapidjson::kParseDefaultFlags>(text)); }

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
