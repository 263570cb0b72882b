// One YAML document as plain data that knows where each part stands, so that a problem can be told with its line.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace metrics {

struct YamlValue;

/// Never null. Shared, because an alias is its anchor once more.
using YamlPtr = std::shared_ptr<const YamlValue>;

struct YamlValue {
  enum class Kind : std::uint8_t { kNull, kScalar, kSequence, kMapping };

  Kind kind = Kind::kNull;
  /// From 1.
  int line = 1;
  int column = 1;
  /// Of kScalar, as written but for quotes and escapes.
  std::string scalar{};
  /// Of kSequence.
  std::vector<YamlPtr> items{};
  /// Of kMapping, in the order written; nothing keeps two keys from being equal.
  std::vector<std::pair<YamlPtr, YamlPtr>> entries{};
};

/// The text is not YAML, or not one document.
class YamlError : public std::runtime_error {
 public:
  YamlError(int line, int column, const std::string& what) : std::runtime_error(what), line_(line), column_(column) {}
  int line() const { return line_; }
  int column() const { return column_; }

 private:
  int line_;
  int column_;
};

/// A text without a document is a null.
/// Throws YamlError.
YamlPtr ParseYaml(std::string_view text);

}  // namespace metrics
