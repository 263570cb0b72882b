// Reading JSON, of kube-apiserver or of job frameworks. The only unit that knows RapidJSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace metrics {

/// A value inside of a document, or the absence of one. What is absent or of another type reads as empty, as a missing
/// field does in Kubernetes' own decoder. Immutable; keeps its document alive.
class Json {
 public:
  /// An absent value.
  Json() = default;

  /// Nothing for what is not JSON, or not UTF-8.
  static std::optional<Json> Parse(std::string_view text);
  /// The same of a job, into which frameworks put bytes that are no text, and numbers that JSON does not have: NaN,
  /// infinite ones, and larger than a double, which is null. Absent for what is not JSON even so.
  static Json ParseJob(std::string_view text);

  /// The member `name` of an object.
  Json operator[](std::string_view name) const;
  /// The element `index` of an array.
  Json At(std::size_t index) const;

  bool IsObject() const;
  bool Bool() const;
  /// A whole number; nothing if it is none, or out of range.
  std::optional<std::int64_t> Int() const;
  /// A number, whole or not; nothing if it is none.
  std::optional<double> Number() const;
  std::string String() const;
  /// The same, where what is absent differs from what is empty.
  std::optional<std::string> Text() const;
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

}  // namespace metrics
