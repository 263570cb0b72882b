// resource.Quantity as text: the canonical form of k8s.io/apimachinery/pkg/api/resource.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace server::wire {

/// Whole numbers with the largest decimal suffix that leaves an integer: 0, 999, "1k", 1500, "12345k", "2M".
std::string QuantityText(std::int64_t value);

/// What `text` means, in thousandths, rounded up as Kubernetes does: "1500m", "2", "1.5", "1k", "2Mi", "1e3". Larger
/// than an int64 is the largest int64. Nothing for a negative number, and for what is no quantity.
std::optional<std::int64_t> ParseMilli(std::string_view text);

/// The nearest value the HPA computes with correctly. It multiplies by 1000 in an int64, which wraps around above
/// 9223372036854775, and takes a negative sum for an overflow and scales to its maximum.
std::int64_t ClampForHpa(std::int64_t value);

}  // namespace server::wire
