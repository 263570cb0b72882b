// Certificates of every kind, made on the spot.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

struct evp_pkey_st;
struct x509_st;

namespace test {

struct CertificateTraits {
  std::string common_name{};
  std::vector<std::string> organizations{};
  std::vector<std::string> uids{};     // Attributes 1.3.6.1.4.1.57683.2.
  std::string key_usages_extended{};   // "clientAuth"; empty for no such extension.
  std::string names{};                 // "DNS:localhost,IP:127.0.0.1"; empty for no such extension.
  bool key_identifiers = false;        // The subject's, and the issuer's if that has one.
  std::chrono::seconds begins{-3600};  // From now.
  std::chrono::seconds ends{3600};
};

struct Certificate {
  std::string pem;
  std::string key_pem;
  std::string der;
};

class Authority {
 public:
  /// A root of its own.
  explicit Authority(const std::string& common_name);
  explicit Authority(const CertificateTraits& traits);

  Authority IssueAuthority(const std::string& common_name) const;
  Certificate Issue(const CertificateTraits& traits) const;
  const Certificate& certificate() const { return certificate_; }

 private:
  Authority(const CertificateTraits& traits, const Authority* issuer);

  std::shared_ptr<evp_pkey_st> key_;
  std::shared_ptr<x509_st> own_;
  Certificate certificate_;
};

/// PEM: a key that takes a password to use.
std::string Encrypt(const std::string& key_pem, const std::string& password);

/// Belongs to nobody but itself.
Certificate SelfSigned(const CertificateTraits& traits);

}  // namespace test
