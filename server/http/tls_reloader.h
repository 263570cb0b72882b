// Keeps TLS in step with its files: certificates are renewed while the server runs.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "server/http/tls_context.h"

namespace server::http {

/// Looks at the files once a second: reading three small files costs less than being clever about how a Kubernetes
/// volume (a `..data` symlink that is swapped), cert-manager or an editor replaces them. Certificate and key may be
/// replaced one after the other; until they fit, the old pair stays.
class TlsReloader {
 public:
  struct Hooks {
    /// Reads the files. Throws std::exception if it cannot.
    std::function<TlsMaterial()> load;
    /// New material is good and to be used from now on.
    std::function<void(std::shared_ptr<const TlsContext>)> use;
    /// New material is bad; called once for each state of the files.
    std::function<void(std::string_view problem)> report;
    std::chrono::milliseconds interval{1'000};
  };

  /// `current` is in use already. The hooks are called from a thread of this object.
  TlsReloader(TlsMaterial current, Hooks hooks);
  TlsReloader(const TlsReloader&) = delete;
  TlsReloader& operator=(const TlsReloader&) = delete;
  ~TlsReloader();

  /// Whether this is the certificate in use. Any thread.
  bool Uses(std::string_view certificate_chain) const;

  /// Why the files are not in use as they are now; nothing when they are. Any thread.
  std::optional<std::string> Problem() const;

 private:
  void Run(const std::stop_token& stop);
  void Look();
  void SetProblem(std::optional<std::string> problem);

  const Hooks hooks_;

  mutable std::mutex mutex_;
  std::condition_variable_any stopping_;
  TlsMaterial current_;                 // Guarded by mutex_; written by the thread only.
  std::optional<std::string> problem_;  // Guarded by mutex_.

  std::jthread thread_;  // Last, so that it ends first.
};

}  // namespace server::http
