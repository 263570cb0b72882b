// Requests and responses as plain data: what the API documents are written against, whatever carries them.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace server::http {

/// Header lines in the order they arrived; names compare without case, values are trimmed and otherwise as they were
/// sent.
using Headers = std::vector<std::pair<std::string, std::string>>;

/// Header names and connection options compare this way (RFC 9110).
bool EqualsIgnoringCase(std::string_view left, std::string_view right);

/// Without optional white space around it (RFC 9110 5.6.3).
std::string_view Trim(std::string_view text);

class PresentedCertificates;

/// A client certificate that the listener's client CAs vouch for.
struct ClientCertificate {
  std::string common_name;
  std::vector<std::string> organizations;
  /// The connection may outlive it.
  std::chrono::system_clock::time_point not_after = std::chrono::system_clock::time_point::max();
};

struct Request {
  std::string method;
  /// The decoded path between its slashes: "/apis//x/" is {"apis", "", "x", ""}. An escaped slash separates too, as in
  /// Go.
  std::vector<std::string> segments;
  /// The decoded path, without the query: for messages and for authorisation of paths.
  std::string path;
  /// Decoded pairs in order; pairs that Go's net/url would drop (a ';', a bad escape) are not here.
  std::vector<std::pair<std::string, std::string>> query;
  Headers headers;
  /// "127.0.0.1:50322", for logs only.
  std::string remote_address;
  std::optional<ClientCertificate> client_certificate;
  /// What the client showed of itself, verified or not; null for nothing.
  std::shared_ptr<const PresentedCertificates> presented_certificates;

  /// The first value of the parameter: Kubernetes ignores repetitions.
  std::optional<std::string_view> QueryValue(std::string_view name) const;
  /// The first line of that name.
  std::optional<std::string_view> Header(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type;
  std::string body;
  Headers headers;
};

/// Sends the answer to a request. To be called exactly once, from any thread, also while the handler runs; it neither
/// blocks nor throws.
using Respond = std::function<void(Response)>;

/// Answers now or later. It must neither block, since whoever calls it has all other clients to serve, nor throw.
/// `request` lives as long as `respond` or a copy of it.
using Handler = std::function<void(const Request& request, Respond respond)>;

}  // namespace server::http
