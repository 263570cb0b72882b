// OpenSSL's handles and errors, for the units of this folder that call it.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace server::http {

template <auto Free>
struct OpensslDeleter {
  template <typename Handle>
  void operator()(Handle* handle) const noexcept {
    Free(handle);
  }
};

using UniqueBio = std::unique_ptr<BIO, OpensslDeleter<BIO_free>>;
using UniqueKey = std::unique_ptr<EVP_PKEY, OpensslDeleter<EVP_PKEY_free>>;
using UniqueCertificate = std::unique_ptr<X509, OpensslDeleter<X509_free>>;
using UniqueExtension = std::unique_ptr<X509_EXTENSION, OpensslDeleter<X509_EXTENSION_free>>;
using UniqueSsl = std::unique_ptr<SSL, OpensslDeleter<SSL_free>>;

/// `what` and the reason OpenSSL gives, if it gives one. Empties OpenSSL's error queue of this thread.
inline std::runtime_error OpensslError(const std::string& what) {
  const unsigned long code = ERR_get_error();  // NOLINT(google-runtime-int): OpenSSL's type
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return std::runtime_error(reason == nullptr ? what : what + ": " + reason);
}

}  // namespace server::http
