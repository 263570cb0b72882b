#include "server/http/pem.h"

#include <ctime>

namespace server::http {
namespace {

UniqueBio Memory(const std::string& pem) {
  UniqueBio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!bio) {
    throw OpensslError("out of memory");
  }
  return bio;
}

template <typename Write>
std::string Written(Write write) {
  const UniqueBio bio(BIO_new(BIO_s_mem()));
  if (!bio || write(bio.get()) != 1) {
    throw OpensslError("cannot write PEM");
  }
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

std::vector<UniqueCertificate> ReadCertificates(const std::string& pem, const std::string& what) {
  const UniqueBio bio = Memory(pem);
  std::vector<UniqueCertificate> certificates;
  while (UniqueCertificate certificate{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    // OpenSSL works out a certificate's extensions when it first needs them. Here no other thread has the certificate
    // yet, so that they share what nobody writes any more. What is wrong in them shows where the certificate has to
    // vouch.
    ERR_set_mark();
    static_cast<void>(X509_check_purpose(certificate.get(), -1, 0));
    ERR_pop_to_mark();
    certificates.push_back(std::move(certificate));
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (certificates.empty() || !at_end) {
    throw OpensslError(what + " holds no usable PEM certificate");
  }
  ERR_clear_error();
  return certificates;
}

UniqueKey ReadKey(const std::string& pem, const std::string& what) {
  const UniqueBio bio = Memory(pem);
  // The empty passphrase makes an encrypted key an error instead of a question on the terminal.
  std::string no_passphrase;
  UniqueKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, no_passphrase.data()));
  if (!key) {
    throw OpensslError(what + ": the private key is not an unencrypted PEM key");
  }
  return key;
}

std::string ToPem(X509* certificate) {
  return Written([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}

std::string ToPem(EVP_PKEY* private_key) {
  return Written(
      [&](BIO* bio) { return PEM_write_bio_PrivateKey(bio, private_key, nullptr, nullptr, 0, nullptr, nullptr); });
}

void UseCertificate(SSL_CTX* context, const std::string& certificates, const std::string& private_key,
                    const std::string& what) {
  const auto chain = ReadCertificates(certificates, what);
  if (SSL_CTX_use_certificate(context, chain.front().get()) != 1) {
    throw OpensslError(what + ": the certificate cannot be used");
  }
  for (std::size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, chain[i].get()) != 1) {
      throw OpensslError(what + ": the certificate chain cannot be used");
    }
  }
  const UniqueKey key = ReadKey(private_key, what);
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    throw OpensslError(what + ": the private key does not belong to the certificate");
  }
}

std::optional<std::chrono::system_clock::time_point> TimeFrom(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? std::optional(std::chrono::system_clock::from_time_t(timegm(&parts)))
                                            : std::nullopt;
}

std::vector<std::string> NameEntries(const X509_NAME* name, const ASN1_OBJECT* attribute) {
  std::vector<std::string> entries;
  for (int i = X509_NAME_get_index_by_OBJ(name, attribute, -1); i >= 0;
       i = X509_NAME_get_index_by_OBJ(name, attribute, i)) {
    unsigned char* text = nullptr;
    const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i)));
    if (size >= 0) {
      entries.emplace_back(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
      OPENSSL_free(text);
    }
  }
  return entries;
}

}  // namespace server::http
