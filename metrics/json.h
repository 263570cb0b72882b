// Reading the JSON that job frameworks keep in Redis. The only unit of this library that knows RapidJSON.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace metrics {

/// A value inside of a document, or the absence of one. What is absent or of another type reads as nothing. Immutable;
/// keeps its document alive.
class Json {
 public:
  /// An absent value for what is not JSON.
  static Json Parse(std::string_view text);

  /// The member `name` of an object.
  Json operator[](std::string_view name) const;
  /// The element `index` of an array.
  Json At(std::size_t index) const;

  std::optional<std::string> String() const;
  std::optional<double> Number() const;

 private:
  explicit Json(std::shared_ptr<const void> value) : value_(std::move(value)) {}

  std::shared_ptr<const void> value_;  // A rapidjson::Value, or null.
};

}  // namespace metrics
