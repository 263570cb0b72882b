#include "server/api/document_hash.h"

#include <cstdint>

namespace server::api {

std::string DocumentHash(std::string_view document) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : document) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  std::string text(16, '0');
  for (auto digit = text.rbegin(); digit != text.rend(); ++digit) {
    *digit = "0123456789ABCDEF"[hash & 0xfU];
    hash >>= 4U;
  }
  return text;
}

}  // namespace server::api
