#include "server/http/gzip.h"

#include <memory>
#include <new>
#include <optional>

#include <zlib.h>

#include "server/http/http_message.h"
#include "server/take_until.h"

namespace server::http {
namespace {

/// "q=0", "q=0.0" and the like.
bool IsZeroWeight(std::string_view parameter) {
  parameter = Trim(parameter);
  return (parameter.starts_with("q=") || parameter.starts_with("Q=")) && parameter.size() > 2 &&
         parameter.substr(2).find_first_not_of("0.") == std::string_view::npos;
}

}  // namespace

bool AcceptsGzip(std::string_view accept_encoding) {
  std::optional<bool> named;
  std::optional<bool> any;
  while (!accept_encoding.empty()) {
    const std::string_view item = TakeUntil(accept_encoding, ',');
    const std::size_t semicolon = item.find(';');
    const std::string_view coding = Trim(item.substr(0, semicolon));
    const bool accepted = semicolon == std::string_view::npos || !IsZeroWeight(item.substr(semicolon + 1));
    if (EqualsIgnoringCase(coding, "gzip")) {
      named = accepted;
    } else if (coding == "*") {
      any = accepted;
    }
  }
  return named.value_or(any.value_or(false));
}

std::string Gzip(std::string_view text) {
  z_stream stream{};
  constexpr int kGzipWindow = 15 + 16;  // zlib's way of asking for the gzip wrapper.
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzipWindow, MAX_MEM_LEVEL - 1, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
  const std::unique_ptr<z_stream, decltype(&deflateEnd)> end(&stream, &deflateEnd);
  std::string compressed(deflateBound(&stream, static_cast<uLong>(text.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(compressed.data());
  stream.avail_out = static_cast<uInt>(compressed.size());
  deflate(&stream, Z_FINISH);  // Cannot run out of room: deflateBound is an upper bound.
  compressed.resize(stream.total_out);
  return compressed;
}

}  // namespace server::http
