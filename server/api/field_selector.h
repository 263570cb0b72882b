// Kubernetes' field selectors: the grammar and the error texts of k8s.io/apimachinery/pkg/fields (0.37).
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace server::api {

class FieldSelectorError : public std::exception {
 public:
  explicit FieldSelectorError(std::string text) : text_(std::move(text)) {}

  /// Exactly what apimachinery would say. It may hold any bytes, NUL among them.
  const std::string& text() const noexcept { return text_; }
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

struct FieldTerm {
  std::string field;
  bool equal;  // Otherwise: differs from the value.
  std::string value;
};

/// "a=1,b!=x\,y" as terms, sorted as they are written, without those that say nothing ("="). Throws FieldSelectorError.
std::vector<FieldTerm> ParseFieldSelector(std::string_view selector);

}  // namespace server::api
