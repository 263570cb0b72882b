#include "test/support/certificates.h"

#include <stdexcept>

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

namespace test {
namespace {

using Key = std::shared_ptr<EVP_PKEY>;
using Signed = std::shared_ptr<X509>;

void Require(bool succeeded) {
  if (!succeeded) {
    throw std::runtime_error("OpenSSL cannot make a test certificate");
  }
}

Key MakeKey() { return {EVP_EC_gen("P-256"), &EVP_PKEY_free}; }

void AddName(X509_NAME* name, const char* attribute, const std::string& value) {
  Require(X509_NAME_add_entry_by_txt(name, attribute, MBSTRING_UTF8,
                                     reinterpret_cast<const unsigned char*>(value.data()),
                                     static_cast<int>(value.size()), -1, 0) == 1);
}

/// `issuer` null: `certificate` signs itself.
void AddExtension(X509* certificate, int nid, const std::string& value, X509* issuer = nullptr) {
  if (value.empty()) {
    return;
  }
  X509V3_CTX context{};
  X509V3_set_ctx(&context, issuer == nullptr ? certificate : issuer, certificate, nullptr, nullptr, 0);
  const std::shared_ptr<X509_EXTENSION> extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()),
                                                  &X509_EXTENSION_free);
  Require(extension && X509_add_ext(certificate, extension.get(), -1) == 1);
}

/// `issuer` null: signs itself.
Signed Sign(const CertificateTraits& traits, bool authority, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key) {
  Signed certificate(X509_new(), &X509_free);
  X509* raw = certificate.get();
  X509_set_version(raw, X509_VERSION_3);
  std::uint32_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof(serial));
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(raw), serial);
  X509_gmtime_adj(X509_getm_notBefore(raw), traits.begins.count());
  X509_gmtime_adj(X509_getm_notAfter(raw), traits.ends.count());
  X509_NAME* subject = X509_get_subject_name(raw);
  for (const std::string& organization : traits.organizations) {
    AddName(subject, "O", organization);
  }
  if (!traits.common_name.empty()) {
    AddName(subject, "CN", traits.common_name);
  }
  for (const std::string& uid : traits.uids) {
    AddName(subject, "1.3.6.1.4.1.57683.2", uid);
  }
  X509_set_issuer_name(raw, issuer == nullptr ? subject : X509_get_subject_name(issuer));
  X509_set_pubkey(raw, key);
  AddExtension(raw, NID_basic_constraints, authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  AddExtension(raw, NID_ext_key_usage, traits.key_usages_extended);
  AddExtension(raw, NID_subject_alt_name, traits.names);
  if (traits.key_identifiers) {
    AddExtension(raw, NID_subject_key_identifier, "hash", issuer);
    AddExtension(raw, NID_authority_key_identifier, "keyid", issuer);
  }
  Require(X509_sign(raw, issuer_key, EVP_sha256()) > 0);
  return certificate;
}

template <typename Write>
std::string Pem(Write write) {
  const std::shared_ptr<BIO> bio(BIO_new(BIO_s_mem()), &BIO_free);
  Require(write(bio.get()) == 1);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

Certificate Export(X509* certificate, EVP_PKEY* key) {
  std::string der(static_cast<std::size_t>(i2d_X509(certificate, nullptr)), '\0');
  auto* end = reinterpret_cast<unsigned char*>(der.data());
  i2d_X509(certificate, &end);
  return {Pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); }),
          Pem([&](BIO* bio) { return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr); }),
          std::move(der)};
}

}  // namespace

Authority::Authority(const std::string& common_name) : Authority(CertificateTraits{.common_name = common_name}) {}

Authority::Authority(const CertificateTraits& traits) : Authority(traits, nullptr) {}

Authority::Authority(const CertificateTraits& traits, const Authority* issuer) : key_(MakeKey()) {
  own_ = Sign(traits, true, key_.get(), issuer == nullptr ? nullptr : issuer->own_.get(),
              issuer == nullptr ? key_.get() : issuer->key_.get());
  certificate_ = Export(own_.get(), key_.get());
}

Authority Authority::IssueAuthority(const std::string& common_name) const {
  return {CertificateTraits{.common_name = common_name}, this};
}

Certificate Authority::Issue(const CertificateTraits& traits) const {
  const Key key = MakeKey();
  return Export(Sign(traits, false, key.get(), own_.get(), key_.get()).get(), key.get());
}

std::string Encrypt(const std::string& key_pem, const std::string& password) {
  const std::shared_ptr<BIO> bio(BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size())), &BIO_free);
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), &EVP_PKEY_free);
  return Pem([&](BIO* out) {
    return PEM_write_bio_PKCS8PrivateKey(out, key.get(), EVP_aes_128_cbc(), password.data(),
                                         static_cast<int>(password.size()), nullptr, nullptr);
  });
}

Certificate SelfSigned(const CertificateTraits& traits) {
  const Key key = MakeKey();
  return Export(Sign(traits, false, key.get(), nullptr, key.get()).get(), key.get());
}

}  // namespace test
