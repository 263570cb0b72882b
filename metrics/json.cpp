#include "metrics/json.h"

#include <rapidjson/document.h>

namespace metrics {
namespace {

const rapidjson::Value& ValueOf(const std::shared_ptr<const void>& value) {
  static const rapidjson::Value kAbsent;
  return value ? *static_cast<const rapidjson::Value*>(value.get()) : kAbsent;
}

}  // namespace

Json Json::Parse(std::string_view text) {
  const auto document = std::make_shared<rapidjson::Document>();
  // Iterative: the depth of a document must not become the depth of the stack.
  document->Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
  return Json(document->HasParseError() ? nullptr : std::shared_ptr<const rapidjson::Value>(document));
}

Json Json::operator[](std::string_view name) const {
  const rapidjson::Value& value = ValueOf(value_);
  if (!value.IsObject()) return Json(nullptr);
  const rapidjson::Value key(rapidjson::StringRef(name.data(), static_cast<rapidjson::SizeType>(name.size())));
  const auto member = value.FindMember(key);
  return Json(member == value.MemberEnd() ? nullptr : std::shared_ptr<const void>(value_, &member->value));
}

Json Json::At(std::size_t index) const {
  const rapidjson::Value& value = ValueOf(value_);
  if (!value.IsArray() || index >= value.Size()) return Json(nullptr);
  return Json(std::shared_ptr<const void>(value_, &value[static_cast<rapidjson::SizeType>(index)]));
}

std::optional<std::string> Json::String() const {
  const rapidjson::Value& value = ValueOf(value_);
  return value.IsString() ? std::optional(std::string(value.GetString(), value.GetStringLength())) : std::nullopt;
}

std::optional<double> Json::Number() const {
  const rapidjson::Value& value = ValueOf(value_);
  return value.IsNumber() ? std::optional(value.GetDouble()) : std::nullopt;
}

}  // namespace metrics
