// resource.Quantity as text: the canonical form of k8s.io/apimachinery/pkg/api/resource.
#pragma once

#include <cstdint>
#include <string>

namespace server::wire {

/// Whole numbers with the largest decimal suffix that leaves an integer: 0, 999, "1k", 1500, "12345k", "2M".
std::string QuantityText(std::int64_t value);

/// The nearest value the HPA computes with correctly. It multiplies by 1000 in an int64, which wraps around above
/// 9223372036854775, and takes a negative sum for an overflow and scales to its maximum.
std::int64_t ClampForHpa(std::int64_t value);

}  // namespace server::wire
