// What redis-servers need to speak TLS, and what we need to believe them.
#pragma once

#include <string>
#include <vector>

#include "metrics/redis/redis_options.h"
#include "test/support/certificates.h"
#include "test/support/temporary_folder.h"

namespace test {

/// The files of a CA and of a server that it vouches for, for as long as this lives.
class TlsFiles {
 public:
  explicit TlsFiles(const CertificateTraits& server) {
    const Certificate certificate = authority.Issue(server);
    folder.Write("ca.pem", authority.certificate().pem);
    folder.Write("server.pem", certificate.pem);
    folder.Write("server.key", certificate.key_pem);
  }

  /// Of redis-server, which asks no client for a certificate.
  std::vector<std::string> arguments() const {
    return {"--tls-cert-file",    folder.path() / "server.pem", "--tls-key-file",     folder.path() / "server.key",
            "--tls-ca-cert-file", folder.path() / "ca.pem",     "--tls-auth-clients", "no"};
  }

  /// Of a client.
  metrics::redis::TlsOptions options() const { return {.ca_file = folder.path() / "ca.pem"}; }

  const Authority authority{"test CA"};
  const TemporaryFolder folder;
};

}  // namespace test
