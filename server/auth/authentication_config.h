// Whom kube-apiserver says to trust: what it keeps in the ConfigMap kube-system/extension-apiserver-authentication.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/certificate_verifier.h"
#include "server/kube/config_map_watch.h"

namespace server::auth {

/// Behind a certificate of this CA, with one of these names, headers say who is asking.
struct FrontProxyTrust {
  std::shared_ptr<const http::CertificateVerifier> ca;  // Never null.
  std::vector<std::string> allowed_names;               // Empty: any.
  std::vector<std::string> user_headers;
  std::vector<std::string> uid_headers;
  std::vector<std::string> group_headers;
  std::vector<std::string> extra_prefixes;
};

struct AuthenticationConfig {
  std::optional<FrontProxyTrust> front_proxy;
  std::shared_ptr<const http::CertificateVerifier> client_ca;  // Null: certificates of clients prove nothing.
};

/// What `data` makes of `last`. Each of the two parts is replaced as a whole or not at all: what is missing or empty in
/// `data` leaves it as it was, and so does what is broken, which also adds a sentence to `problems`.
AuthenticationConfig UpdatedConfig(const AuthenticationConfig& last, const kube::ConfigMapData& data,
                                   std::vector<std::string>& problems);

/// The configuration in force. Safe to use from several threads at once.
class AuthenticationConfigHolder {
 public:
  /// Null until there is one to trust somebody by.
  std::shared_ptr<const AuthenticationConfig> Current() const;

  /// Why there is none yet.
  std::optional<std::string> NotReady() const;

  struct Change {
    bool changed;
    std::vector<std::string> problems;
  };
  /// Takes what the ConfigMap holds now. The same again is no change.
  Change Apply(const kube::ConfigMapData& data);

  /// The ConfigMap cannot be read.
  void Fail(std::string_view cause);

 private:
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::shared_ptr<const AuthenticationConfig> current_;
  kube::ConfigMapData applied_;
  std::string problem_ = "it was not read yet";
};

}  // namespace server::auth
