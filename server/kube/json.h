// Reading JSON that kube-apiserver sends. The only place that knows RapidJSON.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace server::kube {

/// A value inside of a document, or the absence of one. What is absent or of another type reads as empty, as a missing
/// field does in Kubernetes' own decoder. Immutable; keeps its document alive.
class Json {
 public:
  /// Nothing for what is not JSON, or not UTF-8.
  static std::optional<Json> Parse(std::string_view text);

  /// The member `name` of an object.
  Json operator[](std::string_view name) const;

  bool IsObject() const;
  bool Bool() const;
  /// A whole number; nothing if it is none, or out of range.
  std::optional<std::int64_t> Int() const;
  std::string String() const;
  /// The strings of an array; nothing if it is none, or holds anything else.
  std::optional<std::vector<std::string>> Strings() const;
  /// The elements of an array.
  std::vector<Json> Elements() const;
  /// The members of an object.
  std::map<std::string, Json> Members() const;

 private:
  explicit Json(std::shared_ptr<const void> value) : value_(std::move(value)) {}

  std::shared_ptr<const void> value_;  // A rapidjson::Value, or null.
};

}  // namespace server::kube
