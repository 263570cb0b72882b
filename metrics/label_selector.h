// Kubernetes' label selectors: the grammar, the matching and the error texts of k8s.io/apimachinery/pkg/labels (0.37).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace metrics {

/// The text is exactly what apimachinery would say; it becomes the message of a 400 Status. It quotes the selector:
/// parts of it are the client's bytes as they came, though never a NUL, and a list of n bad values is answered with n
/// sentences.
class LabelSelectorError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A conjunction of requirements. A default-constructed selector selects everything.
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
    /// Sorted, without duplicates. Empty for the existence operators, exactly one for all others but kIn and kNotIn,
    /// which have at least one.
    std::vector<std::string> values;

    bool operator==(const Requirement&) const = default;
  };

  LabelSelector() = default;

  /// Throws LabelSelectorError. `text` may hold any bytes; but for the sorting, the time is linear in its length.
  static LabelSelector Parse(std::string_view text);

  bool Matches(const std::map<std::string, std::string, std::less<>>& labels) const;

  /// Sorted by key; those of the same key stay in the order written. (Go's sort keeps that order only up to twelve.)
  const std::vector<Requirement>& requirements() const { return requirements_; }

  /// The canonical text, as labels.Selector.String() prints it; parsing it gives an equal selector.
  std::string ToString() const;

  bool operator==(const LabelSelector&) const = default;

 private:
  std::vector<Requirement> requirements_;
};

/// Whether Kubernetes takes it for the key or the value of a label.
bool IsLabelKey(std::string_view text);
bool IsLabelValue(std::string_view text);

}  // namespace metrics
