// Kubernetes' field selectors: the grammar and the error texts of k8s.io/apimachinery/pkg/fields (0.37).
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace server::api {

/// The text is exactly what apimachinery would say.
class FieldSelectorError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct FieldTerm {
  std::string field;
  bool equal;  // Otherwise: differs from the value.
  std::string value;
};

/// "a=1,b!=x\,y" as terms, sorted as they are written. Throws FieldSelectorError.
std::vector<FieldTerm> ParseFieldSelector(std::string_view selector);

}  // namespace server::api
