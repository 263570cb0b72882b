#include "server/http/keyed_hash.h"

#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "server/http/openssl_error.h"

namespace server::http {

KeyedHash::KeyedHash() {
  if (RAND_bytes(key_.data(), static_cast<int>(key_.size())) != 1) {
    throw OpensslError("cannot make a key");
  }
}

KeyedHash::Digest KeyedHash::operator()(std::string_view message) const {
  Digest digest;
  unsigned size = digest.size();
  if (HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
           reinterpret_cast<const unsigned char*>(message.data()), message.size(), digest.data(), &size) == nullptr) {
    throw OpensslError("cannot hash");
  }
  return digest;
}

}  // namespace server::http
