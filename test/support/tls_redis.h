// A real redis-server that speaks TLS, with a CA of its own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "metrics/redis/redis_options.h"
#include "metrics/redis/redis_url.h"
#include "test/support/certificates.h"
#include "test/support/redis_server.h"

namespace test {

inline std::string WriteFile(const std::filesystem::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

/// The files of one CA and of servers that it vouches for, for as long as this lives.
class TlsFiles {
 public:
  explicit TlsFiles(const CertificateTraits& traits = {.names = "IP:127.0.0.1"}) {
    const Certificate certificate = authority.Issue(traits);
    WriteFile(folder_.path / "ca.pem", authority.certificate().pem);
    WriteFile(folder_.path / "server.pem", certificate.pem);
    WriteFile(folder_.path / "server.key", certificate.key_pem);
  }

  /// For redis-server. Clients need no certificate unless `more` says so.
  std::vector<std::string> arguments(std::vector<std::string> more = {}) const {
    std::vector<std::string> words{
        "--tls-cert-file",    folder_.path / "server.pem", "--tls-key-file",     folder_.path / "server.key",
        "--tls-ca-cert-file", folder_.path / "ca.pem",     "--tls-auth-clients", "no"};
    words.insert(words.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
    return words;
  }

  /// For us.
  metrics::redis::TlsOptions options() const { return {.ca_file = folder_.path / "ca.pem"}; }

  const Authority authority{"test CA"};

 private:
  const TemporaryFolder folder_;
};

}  // namespace test
