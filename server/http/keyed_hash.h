// Digests under a key of this process, for caches of secrets: who reads them can neither tell the secret nor make a
// second one with the same digest.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace server::http {

/// HMAC-SHA256. Safe to use from several threads at once.
class KeyedHash {
 public:
  using Digest = std::array<unsigned char, 32>;

  /// Under a new random key. Throws std::runtime_error when the system gives no randomness.
  KeyedHash();

  Digest operator()(std::string_view message) const;

 private:
  std::array<unsigned char, 32> key_;
};

}  // namespace server::http
