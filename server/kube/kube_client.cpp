#include "server/kube/kube_client.h"

#include <algorithm>
#include <charconv>
#include <thread>
#include <utility>

#include <httplib.h>
#include <sys/eventfd.h>

namespace server::kube {

using http::Patience;
using http::TlsConnection;
using http::TlsConnectionError;
using std::chrono::steady_clock;

namespace {

// What an HPA controller's five workers can have in flight at once.
constexpr std::size_t kIdleConnections = 5;
constexpr std::chrono::milliseconds kTurn{5};
constexpr int kBurst = 400;
// The largest answer that is of use here is a ConfigMap, which etcd limits to about 1.5 MiB.
constexpr std::size_t kLargestAnswer = 4 * 1024 * 1024;

bool IsVisible(char c) { return c > ' ' && c <= '~'; }

ApiError::Kind KindOf(const TlsConnectionError& error) {
  switch (error.kind()) {
    case TlsConnectionError::Kind::kTimeout:
      return ApiError::Kind::kTimeout;
    case TlsConnectionError::Kind::kInterrupted:
      return ApiError::Kind::kStopped;
    case TlsConnectionError::Kind::kLost:
      return ApiError::Kind::kLost;
    case TlsConnectionError::Kind::kFailed:
      break;
  }
  return ApiError::Kind::kFailed;
}

/// A stop request as something that can be waited for together with a socket.
class Interrupt {
 public:
  explicit Interrupt(const std::stop_token& stop)
      : fd_(stop.stop_possible() ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1), callback_(stop, Trigger{fd_.get()}) {}

  int fd() const { return fd_.get(); }

 private:
  struct Trigger {
    int fd;
    void operator()() const noexcept {
      const std::uint64_t one = 1;
      [[maybe_unused]] const auto written = write(fd, &one, sizeof(one));
    }
  };

  http::UniqueFd fd_;
  std::stop_callback<Trigger> callback_;
};

}  // namespace

/// cpp-httplib's reading and writing of HTTP, without its connections.
class KubeClient::Codec final : private httplib::ClientImpl {
 public:
  Codec(const std::string& host, int port) : ClientImpl(host, port) { set_url_encode(false); }

  bool Exchange(httplib::Stream& stream, httplib::Request& request, httplib::Response& response) {
    auto error = httplib::Error::Success;
    return process_request(stream, request, response, false, error);
  }
};

/// Remembers why a read or a write failed, which cpp-httplib cannot say.
class KubeClient::Conversation final : public httplib::Stream {
 public:
  Conversation(TlsConnection& connection, const Patience& patience) : connection_(connection), patience_(patience) {}

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }

  ssize_t read(char* data, std::size_t size) override {
    return Try([&] { return connection_.Read(data, size, patience_); });
  }

  ssize_t write(const char* data, std::size_t size) override {
    return Try([&] {
      connection_.Write({data, size}, patience_);
      return size;
    });
  }

  void get_remote_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  void get_local_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  socket_t socket() const override { return INVALID_SOCKET; }

  /// Throws what went wrong.
  [[noreturn]] void ThrowFailure() const {
    throw failure_.value_or(TlsConnectionError(TlsConnectionError::Kind::kLost, "the answer broke off"));
  }

 private:
  template <typename Operation>
  ssize_t Try(Operation operation) {
    try {
      return static_cast<ssize_t>(operation());
    } catch (const TlsConnectionError& error) {
      failure_ = error;
      return -1;
    }
  }

  TlsConnection& connection_;
  const Patience patience_;
  std::optional<TlsConnectionError> failure_;
};

/// An answer as it comes in.
struct KubeClient::Exchange {
  ApiResponse response{};
  bool begun = false;      // Its head is here.
  bool reusable = false;   // The connection is good for another one.
  bool cut_short = false;  // We did not want to hear the rest.
  bool too_large = false;
  /// Takes the body of a 200 instead of `response`; false to hear no more.
  std::function<bool(std::string_view piece)> on_piece;

  bool Receive(std::string_view piece) {
    if (on_piece && response.status == 200) {
      cut_short = !on_piece(piece);
      return !cut_short;
    }
    response.body += piece;
    too_large = response.body.size() > kLargestAnswer;
    return !too_large;
  }
};

KubeClient::KubeClient(ClusterConfig config, std::string user_agent)
    : config_(std::move(config)),
      user_agent_(std::move(user_agent)),
      address_("https://" + (config_.host.find(':') == std::string::npos ? config_.host : "[" + config_.host + "]") +
               ":" + std::to_string(config_.port)) {}

KubeClient::~KubeClient() = default;

ApiResponse KubeClient::Send(const ApiRequest& request, Deadline deadline, const std::stop_token& stop) try {
  AwaitTurn(deadline);
  const Interrupt interrupt(stop);
  const Patience patience{deadline, interrupt.fd()};
  auto connection = TakeIdle();
  bool kept = connection != nullptr;
  for (;;) {
    if (!connection) {
      connection = Connect(patience);
    }
    Exchange exchange;
    try {
      Converse(*connection, request, patience, exchange);
    } catch (const TlsConnectionError& error) {
      if (!kept || exchange.begun || error.kind() != TlsConnectionError::Kind::kLost) {
        throw;
      }
      // The server had closed the connection while it was idle.
      connection.reset();
      kept = false;
      continue;
    }
    // After a 401 the next call shall show the certificate as it is by then.
    if (exchange.reusable && exchange.response.status != 401) {
      KeepIdle(std::move(connection));
    }
    return std::move(exchange.response);
  }
} catch (const TlsConnectionError& error) {
  throw ApiError(KindOf(error), address_ + ": " + error.what());
} catch (const ConfigError& error) {
  throw ApiError(ApiError::Kind::kFailed, error.what());
}

void KubeClient::Stream(const std::string& path, const std::function<bool(std::string_view line)>& on_line,
                        Deadline deadline, const std::stop_token& stop) try {
  const Interrupt interrupt(stop);
  const Patience patience{deadline, interrupt.fd()};
  const auto connection = Connect(patience);
  std::string rest;
  Exchange exchange;
  exchange.on_piece = [&](std::string_view piece) {
    rest += piece;
    std::size_t begin = 0;
    for (std::size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n', begin)) {
      if (!on_line(std::string_view(rest).substr(begin, end - begin))) {
        return false;
      }
      begin = end + 1;
    }
    rest.erase(0, begin);
    return rest.size() <= kLargestAnswer;
  };
  Converse(*connection, {.method = "GET", .path = path, .body = {}}, patience, exchange);
  if (exchange.response.status != 200) {
    RejectResponse(exchange.response);
  }
} catch (const TlsConnectionError& error) {
  throw ApiError(KindOf(error), address_ + ": " + error.what());
} catch (const ConfigError& error) {
  throw ApiError(ApiError::Kind::kFailed, error.what());
}

void KubeClient::AwaitTurn(Deadline deadline) {
  Deadline turn;
  {
    const std::lock_guard lock(mutex_);
    turn = std::max(next_turn_, steady_clock::now() - kTurn * kBurst);
    next_turn_ = turn + kTurn;
  }
  if (turn > deadline) {
    throw TlsConnectionError(TlsConnectionError::Kind::kTimeout, "too many calls at once");
  }
  std::this_thread::sleep_until(turn);
}

std::unique_ptr<TlsConnection> KubeClient::Connect(const Patience& patience) const {
  const http::TlsPeer peer{.host = config_.host,
                           .port = config_.port,
                           .name = config_.tls_server_name,
                           .ca = config_.ca.Read(),
                           .certificate_chain = config_.client_certificate.Read(),
                           .private_key = config_.client_key.Read()};
  return std::make_unique<TlsConnection>(peer, patience);
}

std::unique_ptr<TlsConnection> KubeClient::TakeIdle() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) {
    return nullptr;
  }
  auto connection = std::move(idle_.back());
  idle_.pop_back();
  return connection;
}

void KubeClient::KeepIdle(std::unique_ptr<TlsConnection> connection) {
  const std::lock_guard lock(mutex_);
  if (idle_.size() < kIdleConnections) {
    idle_.push_back(std::move(connection));
  }
}

void KubeClient::Converse(TlsConnection& connection, const ApiRequest& request, const Patience& patience,
                          Exchange& exchange) const {
  // It goes into the request's first line as it is, and whatever ended that would begin a request of its own.
  if (!std::ranges::all_of(request.path, IsVisible)) {
    throw ApiError(ApiError::Kind::kFailed, "a path that is not escaped is not asked for");
  }
  httplib::Request sent;
  sent.method = request.method;
  sent.path = config_.base_path + request.path;
  sent.headers = {
      {"Host", address_.substr(address_.find("//") + 2)}, {"Accept", "application/json"}, {"User-Agent", user_agent_}};
  if (const std::string token = Token(); !token.empty()) {
    sent.headers.emplace("Authorization", "Bearer " + token);
  }
  if (!request.body.empty()) {
    sent.headers.emplace("Content-Type", request.content_type);
    sent.body = request.body;
  }
  sent.response_handler = [&](const httplib::Response& head) {
    exchange.begun = true;
    exchange.response.status = head.status;
    if (const std::string value = head.get_header_value("Retry-After"); !value.empty()) {
      int seconds = 0;
      if (std::from_chars(value.data(), value.data() + value.size(), seconds).ec == std::errc{} && seconds >= 0) {
        exchange.response.retry_after = std::chrono::seconds(seconds);
      }
    }
    return true;
  };
  sent.content_receiver = [&](const char* data, std::size_t size, std::uint64_t /*offset*/, std::uint64_t /*total*/) {
    return exchange.Receive({data, size});
  };
  Conversation conversation(connection, patience);
  httplib::Response received;
  if (!Codec(config_.host, config_.port).Exchange(conversation, sent, received) && !exchange.cut_short) {
    if (exchange.too_large) {
      throw ApiError(ApiError::Kind::kTooLarge,
                     address_ + ": the answer is larger than " + std::to_string(kLargestAnswer) + " bytes");
    }
    conversation.ThrowFailure();
  }
  exchange.response.status = received.status;
  exchange.reusable =
      !exchange.cut_short && received.version == "HTTP/1.1" && received.get_header_value("Connection") != "close";
}

/// Without the line end that editors leave. What could end the header line is no token.
std::string KubeClient::Token() const {
  std::string token = config_.token.Read();
  constexpr std::string_view kWhiteSpace = " \t\r\n";
  token.erase(token.find_last_not_of(kWhiteSpace) + 1);
  token.erase(0, token.find_first_not_of(kWhiteSpace));
  if (!std::ranges::all_of(token, IsVisible)) {
    throw ConfigError(config_.token.file.string() + " does not hold a token");
  }
  return token;
}

}  // namespace server::kube
