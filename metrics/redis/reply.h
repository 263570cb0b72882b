// What Redis answered to one command, or why it did not, as plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "metrics/metric_provider.h"

namespace metrics::redis {

struct Reply {
  enum class Type : std::uint8_t { kNil, kInteger, kString, kStatus, kError, kArray };

  Type type = Type::kNil;
  /// Of kInteger.
  std::int64_t integer = 0;
  /// Of kString, kStatus and kError; any bytes.
  std::string text{};
  /// Of kArray.
  std::vector<Reply> elements{};
};

/// Why there is no reply. Not an exception, because the strings of those are shared between threads.
using Failure = MetricUnavailable;

}  // namespace metrics::redis
