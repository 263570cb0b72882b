// The server's own metrics, in Prometheus' text format. Every label comes from a closed set: nothing a client sends can
// make this grow.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "metrics/redis/redis_observer.h"
#include "server/http/https_server.h"

namespace server {

/// Safe to call from several threads at once.
class Telemetry final : public http::ListenerObserver, public metrics::redis::RedisObserver {
 public:
  explicit Telemetry(std::string_view version);
  ~Telemetry() override;

  void OnCertificate(std::chrono::system_clock::time_point not_after);
  void OnCertificateProblem();

  /// Whether the configuration file is in use as it is now; with each change of that.
  void OnConfiguration(bool up_to_date);
  /// The configuration does not name this Redis any more.
  void OnRedisGone(std::string_view source);
  void OnSharedCertificateProblem();

  /// `verb` as Kubernetes derives it. `metric` is from a closed set, which the caller sees to; empty for requests that
  /// are not for a metric.
  void OnRequest(std::string_view verb, std::string_view metric, int code, std::chrono::nanoseconds duration);

  void OnOpenConnections(std::size_t count) override;
  void OnShed() override;
  void OnHandshakeError() override;
  void OnRejectedHead(int status) override;

  void OnRoundTrip(std::string_view source, std::chrono::nanoseconds duration) override;
  void OnError(std::string_view source, std::string_view queues, metrics::UnavailableKind kind,
               std::string_view cause) override;
  void OnConnectionChange(std::string_view source, bool up, std::string_view cause) override;

  /// Content type: text/plain; version=0.0.4.
  std::string Render() const;

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace server
