// gzip for answers that are large enough to be worth it.
#pragma once

#include <string>
#include <string_view>

namespace server::http {

/// Below this an answer fits a TLS record or two, and compressing costs more than sending.
inline constexpr std::size_t kGzipThreshold = 16 * 1024;

/// `accept_encoding`, the header's value, admits gzip: named or '*', and not with q=0 (RFC 9110 12.5.3).
bool AcceptsGzip(std::string_view accept_encoding);

/// `text` as one gzip member (RFC 1952). Throws std::bad_alloc when zlib finds no memory.
std::string Gzip(std::string_view text);

}  // namespace server::http
