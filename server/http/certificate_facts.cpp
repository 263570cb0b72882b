#include "server/http/certificate_facts.h"

#include <algorithm>

#include "server/http/pem.h"

namespace server::http {
namespace {

UniqueCertificate First(const std::string& pem) { return std::move(ReadCertificates(pem, "the certificate").front()); }

std::chrono::system_clock::time_point ToTime(const ASN1_TIME* time) {
  const auto read = TimeFrom(time);
  if (!read) {
    throw OpensslError("the certificate's validity cannot be read");
  }
  return *read;
}

/// Anything thrown means no. Leaves nothing in OpenSSL's error queue.
template <typename Question>
bool Holds(Question question) try {
  const bool holds = question();
  ERR_clear_error();
  return holds;
} catch (const std::runtime_error&) {
  return false;
}

}  // namespace

std::vector<std::string> SplitCertificates(const std::string& bundle) try {
  std::vector<std::string> certificates;
  for (const UniqueCertificate& certificate : ReadCertificates(bundle, "the bundle")) {
    certificates.push_back(ToPem(certificate.get()));
  }
  return certificates;
} catch (const std::runtime_error&) {
  return {};
}

Validity ValidityOf(const std::string& certificate) {
  const UniqueCertificate parsed = First(certificate);
  return {ToTime(X509_get0_notBefore(parsed.get())), ToTime(X509_get0_notAfter(parsed.get()))};
}

bool KeyFits(const std::string& certificate, const std::string& private_key) {
  return Holds(
      [&] { return X509_check_private_key(First(certificate).get(), ReadKey(private_key, "the key").get()) == 1; });
}

bool IsIssuedBy(const std::string& certificate, const std::string& authority) {
  return Holds([&] {
    const UniqueCertificate subject = First(certificate);
    const UniqueCertificate issuer = First(authority);
    return X509_check_issued(issuer.get(), subject.get()) == X509_V_OK &&
           X509_verify(subject.get(), X509_get0_pubkey(issuer.get())) == 1;
  });
}

bool IsForHosts(const std::string& certificate, const std::vector<std::string>& hosts) {
  return Holds([&] {
    const UniqueCertificate parsed = First(certificate);
    return std::ranges::all_of(hosts, [&](const std::string& host) {
      return X509_check_ip_asc(parsed.get(), host.c_str(), 0) == 1 ||
             X509_check_host(parsed.get(), host.data(), host.size(), X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr) == 1;
    });
  });
}

}  // namespace server::http
