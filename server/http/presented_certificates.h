// The certificates a client showed in its TLS handshake, before anybody has judged them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace server::http {

struct CertificateVerdict;

/// The client has proved that it holds the key of the first one; nothing else is certain. Shared by all requests of a
/// connection, and so is what CertificateVerifiers found out about it. Safe to use from several threads at once.
class PresentedCertificates {
 public:
  /// DER, the client's own first.
  explicit PresentedCertificates(std::vector<std::string> der) : der_(std::move(der)) {}

  const std::vector<std::string>& der() const { return der_; }

  /// Some verifier has vouched for the client: it is worth more than an unknown visitor.
  bool vouched_for() const { return vouched_for_; }

 private:
  friend class CertificateVerifier;

  struct Memo {
    std::uint64_t verifier = 0;
    std::shared_ptr<const CertificateVerdict> verdict;
  };

  const std::vector<std::string> der_;
  mutable std::atomic<bool> vouched_for_ = false;

  mutable std::mutex mutex_;
  /// Guarded by mutex_. Two, since there are two pools of CAs at a time: the front proxy's and everybody's.
  mutable std::array<Memo, 2> memos_;
  mutable std::size_t next_memo_ = 0;  // Guarded by mutex_.
};

}  // namespace server::http
