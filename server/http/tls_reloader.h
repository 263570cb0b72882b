// Keeps TLS in step with its files: certificates are renewed while the server runs.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/follower.h"
#include "server/http/tls_context.h"

namespace server::http {

/// Certificate and key may be replaced one after the other; until they fit, the old pair stays.
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

  /// Whether this is the certificate in use. Any thread.
  bool Uses(std::string_view certificate_chain) const {
    return follower_.Current().certificate_chain == certificate_chain;
  }

  /// Why the files are not in use as they are now; nothing when they are. Any thread.
  std::optional<std::string> Problem() const { return follower_.Problem(); }

 private:
  Follower<TlsMaterial> follower_;
};

}  // namespace server::http
