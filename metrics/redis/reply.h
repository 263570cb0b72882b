// What Redis answered to one command, or why it did not, as plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "metrics/metric_provider.h"

namespace metrics::redis {

struct Reply {
  enum class Type : std::uint8_t {
    kNil,
    kInteger,
    kString,
    kStatus,
    kError,
    kArray,
    kUnavailable,  // The server that has the key could not be asked; others of a cluster could.
  };

  Type type = Type::kNil;
  /// Of kUnavailable.
  UnavailableKind kind{};
  /// Of kError, which is then that of another command of its transaction: because of that one, this was not executed.
  bool is_discarded = false;
  /// Of kInteger.
  std::int64_t integer = 0;
  /// Of kString, kStatus and kError: any bytes. Of kUnavailable: a sentence for the client, without a secret.
  std::string text{};
  /// Of kArray.
  std::vector<Reply> elements{};
};

/// Why there is no reply. Not an exception, because the strings of those are shared between threads.
using Failure = MetricUnavailable;

}  // namespace metrics::redis
