// Kubernetes' label selectors, the grammar and the error texts of k8s.io/apimachinery/pkg/labels (0.37).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace metrics {

/// The text is exactly what apimachinery would say; it becomes the message of a 400 Status.
class LabelSelectorError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An immutable conjunction of requirements. A default-constructed selector selects everything.
class LabelSelector {
 public:
  enum class Operator : std::uint8_t {
    kEquals,
    kDoubleEquals,
    kIn,
    kNotEquals,
    kNotIn,
    kExists,
    kDoesNotExist,
    kGreaterThan,
    kLessThan,
  };

  struct Requirement {
    std::string key;
    Operator op;
    std::vector<std::string> values;  // Sorted, without duplicates; empty for the existence operators.
  };

  LabelSelector() = default;

  /// Throws LabelSelectorError. Linear in the length of `text`, which may hold any bytes.
  static LabelSelector Parse(std::string_view text);

  bool Matches(const std::map<std::string, std::string, std::less<>>& labels) const;

  /// Sorted by key.
  const std::vector<Requirement>& requirements() const { return requirements_; }

  /// The canonical text, as labels.Selector.String() prints it.
  std::string ToString() const;

 private:
  std::vector<Requirement> requirements_;
};

}  // namespace metrics
