// A client of kube-apiserver on cpp-httplib, which speaks HTTP here over connections of our own: that is how every call
// keeps to its deadline and can be stopped.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "server/http/tls_connection.h"
#include "server/kube/api.h"
#include "server/kube/cluster_config.h"

namespace server::kube {

/// Connections are kept and used again, one call at a time on each; calls one after the other need but one. Tokens are
/// read for each call and certificates for each connection, so that rotation needs no attention.
class KubeClient final : public Api {
 public:
  /// Does not connect. `user_agent` is a product name with its version.
  KubeClient(ClusterConfig config, std::string user_agent);
  ~KubeClient() override;

  /// At most 200 calls a second go out, with a burst of 400 before that, as with client-go; a call waits for its turn.
  ApiResponse Send(const ApiRequest& request, Deadline deadline, const std::stop_token& stop) override;

  void Stream(const std::string& path, const std::function<bool(std::string_view line)>& on_line, Deadline deadline,
              const std::stop_token& stop) override;

 private:
  class Codec;
  class Conversation;
  struct Exchange;

  void AwaitTurn(Deadline deadline);
  std::unique_ptr<http::TlsConnection> Connect(const http::Patience& patience) const;
  std::unique_ptr<http::TlsConnection> TakeIdle();
  void KeepIdle(std::unique_ptr<http::TlsConnection> connection);
  /// One request on `connection`. Throws TlsConnectionError or ApiError.
  void Converse(http::TlsConnection& connection, const ApiRequest& request, const http::Patience& patience,
                Exchange& exchange) const;
  std::string Token() const;

  // Constant after construction.
  const ClusterConfig config_;
  const std::string user_agent_;
  const std::string address_;  // "https://HOST:PORT", for messages.

  std::mutex mutex_;
  std::vector<std::unique_ptr<http::TlsConnection>> idle_;  // Guarded by mutex_.
  Deadline next_turn_;                                      // Guarded by mutex_.
};

}  // namespace server::kube
