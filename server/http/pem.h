// PEM into OpenSSL's objects, and names and times out of them, for the units of this folder that call OpenSSL.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <openssl/ssl.h>

#include "server/http/openssl_error.h"

namespace server::http {

/// All certificates of `pem`, at least one; blocks of other kinds are passed over. Throws std::runtime_error that
/// begins with `what`.
std::vector<UniqueCertificate> ReadCertificates(const std::string& pem, const std::string& what);

/// The unencrypted private key of `pem`. Throws std::runtime_error that begins with `what`.
UniqueKey ReadKey(const std::string& pem, const std::string& what);

std::string ToPem(X509* certificate);
std::string ToPem(EVP_PKEY* private_key);

/// Presents the chain in `certificates` (leaf first) with `private_key`, both PEM. Throws std::runtime_error that
/// begins with `what`.
void UseCertificate(SSL_CTX* context, const std::string& certificates, const std::string& private_key,
                    const std::string& what);

/// Nothing for what is no time.
std::optional<std::chrono::system_clock::time_point> TimeFrom(const ASN1_TIME* time);

/// The values of one attribute of a distinguished name, in its order.
std::vector<std::string> NameEntries(const X509_NAME* name, const ASN1_OBJECT* attribute);

}  // namespace server::http
