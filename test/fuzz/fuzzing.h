// What every fuzz target needs: its input as text, and a check that no build type removes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace fuzzing {

inline std::string_view Text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// The line of a failed check is in the stack that libFuzzer prints.
inline void Require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace fuzzing
