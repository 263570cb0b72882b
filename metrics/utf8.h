// UTF-8 as Go's unicode/utf8 decodes it: whoever writes bytes of a client into a text must know which are characters.
#pragma once

#include <cstddef>
#include <string_view>

namespace metrics {

struct Utf8Character {
  char32_t code_point;
  std::size_t length;  // In bytes; 0 if the text does not begin with well-formed UTF-8.
};

/// The first character of `text`, which must not be empty.
Utf8Character DecodeUtf8(std::string_view text);

}  // namespace metrics
