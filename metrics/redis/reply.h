// What Redis answered to one command, as a plain value.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

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

}  // namespace metrics::redis
