#include "server/http/certificate_authority.h"

#include <array>

#include <arpa/inet.h>

#include "server/http/pem.h"
#include "server/take_until.h"

namespace server::http {
namespace {

struct Pair {
  UniqueCertificate certificate;
  UniqueKey key;
};

void Require(int result, const char* what) {
  if (result <= 0) {
    throw OpensslError(what);
  }
}

bool IsIpAddress(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

std::string SubjectAlternativeNames(const std::vector<std::string>& hosts) {
  std::string names;
  for (const std::string& host : hosts) {
    if (!IsCertificateHost(host)) {
      throw std::invalid_argument("\"" + host + "\" is neither a DNS name nor an IP address");
    }
    names += (names.empty() ? "" : ",") + std::string(IsIpAddress(host) ? "IP:" : "DNS:") + host;
  }
  if (names.empty()) {
    throw std::invalid_argument("a certificate needs at least one host");
  }
  return names;
}

void AddExtension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const UniqueExtension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  if (!extension) {
    throw OpensslError(std::string("cannot make the certificate extension ") + value);
  }
  Require(X509_add_ext(certificate, extension.get(), -1), "cannot add a certificate extension");
}

/// Unsigned, with everything a CA and a leaf have in common.
Pair NewCertificate(const char* common_name, std::chrono::seconds lifetime) {
  Pair made{UniqueCertificate(X509_new()), UniqueKey(EVP_EC_gen("P-256"))};
  if (!made.certificate || !made.key) {
    throw OpensslError("cannot make a key pair");
  }
  X509* certificate = made.certificate.get();
  Require(X509_set_version(certificate, X509_VERSION_3), "cannot set the certificate's version");
  const std::unique_ptr<BIGNUM, OpensslDeleter<BN_free>> serial(BN_new());
  constexpr int kSerialBits = 127;  // CA/Browser Forum: at least 64 random bits.
  if (!serial || BN_rand(serial.get(), kSerialBits, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) != 1 ||
      BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate)) == nullptr) {
    throw OpensslError("cannot make a serial number");
  }
  X509_gmtime_adj(X509_getm_notBefore(certificate), -std::chrono::seconds(kBackdating).count());
  X509_gmtime_adj(X509_getm_notAfter(certificate), lifetime.count());
  Require(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                                     reinterpret_cast<const unsigned char*>(common_name), -1, -1, 0),
          "cannot set the certificate's subject");
  Require(X509_set_pubkey(certificate, made.key.get()), "cannot set the certificate's key");
  return made;
}

void Sign(X509* certificate, const Pair& issuer) {
  Require(X509_set_issuer_name(certificate, X509_get_subject_name(issuer.certificate.get())), "cannot set the issuer");
  AddExtension(certificate, issuer.certificate.get(), NID_authority_key_identifier, "keyid");
  Require(X509_sign(certificate, issuer.key.get(), EVP_sha256()), "cannot sign the certificate");
}

CertifiedKey Export(const Pair& pair) { return {ToPem(pair.certificate.get()), ToPem(pair.key.get())}; }

Pair FromPem(const CertifiedKey& pair) {
  return {std::move(ReadCertificates(pair.certificate, "the authority").front()),
          ReadKey(pair.private_key, "the authority")};
}

}  // namespace

bool IsCertificateHost(const std::string& host) {
  if (IsIpAddress(host)) {
    return true;
  }
  // A name of RFC 1123, or one with underscores, which DNS has, too, or all names below it. OpenSSL reads a small
  // language of names, in which other characters could start something else.
  constexpr std::size_t kLongest = 253;
  constexpr std::size_t kLongestLabel = 63;
  std::string_view rest = host;
  if (rest.empty() || rest.size() > kLongest || rest.ends_with('.')) {
    return false;
  }
  if (rest.starts_with("*.")) {
    rest.remove_prefix(2);
  }
  std::string_view label;
  while (!rest.empty()) {
    label = TakeUntil(rest, '.');
    const bool good = !label.empty() && label.size() <= kLongestLabel && label.front() != '-' && label.back() != '-' &&
                      label.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") ==
                          std::string_view::npos;
    if (!good) {
      return false;
    }
  }
  return label.find_first_not_of("0123456789") != std::string_view::npos;  // Else it would be a mistyped address.
}

CertifiedKey MakeAuthority(std::chrono::seconds lifetime) {
  const Pair made = NewCertificate("queue-metrics-server self-made CA", lifetime);
  X509* ca = made.certificate.get();
  AddExtension(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  AddExtension(ca, ca, NID_key_usage, "critical,keyCertSign");
  AddExtension(ca, ca, NID_subject_key_identifier, "hash");
  Sign(ca, made);
  return Export(made);
}

CertifiedKey IssueServingCertificate(const CertifiedKey& authority, const std::vector<std::string>& hosts,
                                     std::chrono::seconds lifetime) {
  const std::string names = SubjectAlternativeNames(hosts);
  const Pair issuer = FromPem(authority);
  X509* ca = issuer.certificate.get();
  const Pair made = NewCertificate("queue-metrics-server", lifetime);
  X509* leaf = made.certificate.get();
  if (ASN1_TIME_compare(X509_get0_notAfter(leaf), X509_get0_notAfter(ca)) > 0) {
    Require(X509_set1_notAfter(leaf, X509_get0_notAfter(ca)), "cannot set the certificate's end");
  }
  AddExtension(leaf, ca, NID_basic_constraints, "critical,CA:FALSE");
  AddExtension(leaf, ca, NID_key_usage, "critical,digitalSignature");
  AddExtension(leaf, ca, NID_ext_key_usage, "serverAuth");
  AddExtension(leaf, ca, NID_subject_alt_name, names.c_str());
  Sign(leaf, issuer);
  return Export(made);
}

}  // namespace server::http
