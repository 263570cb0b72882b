// Who may ask what: the one gate every request passes before its path is looked at.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "server/http/http_message.h"

namespace server::auth {

/// Why a request is not answered: 401, 403, or 500 when nobody could tell; with the text for the client.
struct Denial {
  int code;
  std::string message;
};

/// By what it was shown who asks.
enum class Proof : std::uint8_t { kNone, kFrontProxy, kClientCertificate, kToken };

/// Whether a request may go on, and who it is from, for the audit.
struct Verdict {
  std::optional<Denial> denial{};  // Nothing when it may.
  std::string user{};              // Empty if nobody can tell.
  Proof proof = Proof::kNone;
  std::string reason{};  // Kube-apiserver's; often empty.
};

/// Must not throw.
using VerdictCallback = std::function<void(Verdict)>;

/// Safe to call from several threads at once.
class AccessControl {
 public:
  AccessControl() = default;
  AccessControl(const AccessControl&) = delete;
  AccessControl& operator=(const AccessControl&) = delete;
  virtual ~AccessControl() = default;

  /// Never blocks. Calls `decided` once: in this call, or in another thread if somebody has to be asked first.
  /// `request` must live until then.
  virtual void Check(const http::Request& request, VerdictCallback decided) const = 0;
};

/// --auth=none: everybody may ask everything, as who they are. Only for a listener on loopback.
class OpenAccess final : public AccessControl {
 public:
  void Check(const http::Request& request, VerdictCallback decided) const override;
};

/// --auth=client-certificate: a verified client certificate, or nothing but the health endpoints, which the kubelet
/// probes without one.
class ClientCertificateAccess final : public AccessControl {
 public:
  void Check(const http::Request& request, VerdictCallback decided) const override;
};

}  // namespace server::auth
