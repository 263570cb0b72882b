// Who may ask what: the one gate every request passes before its path is looked at.
#pragma once

#include <optional>
#include <string>

#include "server/http/http_message.h"

namespace server::auth {

/// Why a request is not answered: 401, 403, or 500 when nobody could tell; with the text for the client.
struct Denial {
  int code;
  std::string message;
};

/// Safe to call from several threads at once.
class AccessControl {
 public:
  AccessControl() = default;
  AccessControl(const AccessControl&) = delete;
  AccessControl& operator=(const AccessControl&) = delete;
  virtual ~AccessControl() = default;

  /// Nothing when the request may go on.
  virtual std::optional<Denial> Check(const http::Request& request) const = 0;
};

/// --auth=none: everybody may ask everything. Only for a listener on loopback.
class OpenAccess final : public AccessControl {
 public:
  std::optional<Denial> Check(const http::Request& request) const override;
};

/// --auth=client-certificate: a verified client certificate, or nothing but the health endpoints, which the kubelet
/// probes without one.
class ClientCertificateAccess final : public AccessControl {
 public:
  std::optional<Denial> Check(const http::Request& request) const override;
};

}  // namespace server::auth
