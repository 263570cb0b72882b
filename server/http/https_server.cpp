#include "server/http/https_server.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <new>
#include <optional>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/http/handshaker.h"
#include "server/http/http_engine.h"
#include "server/http/openssl_error.h"
#include "server/http/presented_certificates.h"
#include "server/http/unique_fd.h"

namespace server::http {
namespace {

using Clock = std::chrono::steady_clock;

union SocketAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

std::string ToString(const SocketAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.any.sa_family == AF_INET6) {
    inet_ntop(AF_INET6, &address.v6.sin6_addr, text.data(), text.size());
    return "[" + std::string(text.data()) + "]:" + std::to_string(ntohs(address.v6.sin6_port));
  }
  inet_ntop(AF_INET, &address.v4.sin_addr, text.data(), text.size());
  return std::string(text.data()) + ":" + std::to_string(ntohs(address.v4.sin_port));
}

SocketAddress ParseAddress(const std::string& host, std::uint16_t port, socklen_t& length) {
  SocketAddress address{};
  if (inet_pton(AF_INET, host.c_str(), &address.v4.sin_addr) == 1) {
    address.v4.sin_family = AF_INET;
    address.v4.sin_port = htons(port);
    length = sizeof(address.v4);
  } else if (inet_pton(AF_INET6, host.c_str(), &address.v6.sin6_addr) == 1) {
    address.v6.sin6_family = AF_INET6;
    address.v6.sin6_port = htons(port);
    length = sizeof(address.v6);
  } else {
    throw std::system_error(EINVAL, std::generic_category(), "\"" + host + "\" is not an IP address to listen on");
  }
  return address;
}

UniqueFd Listen(const std::string& host, std::uint16_t port) {
  socklen_t length = 0;
  const SocketAddress address = ParseAddress(host, port, length);
  UniqueFd listener(socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  constexpr int kBacklog = 1024;
  if (listener.get() < 0 || bind(listener.get(), &address.any, length) != 0 || listen(listener.get(), kBacklog) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot listen on " + ToString(address));
  }
  return listener;
}

/// SSL_get_error() takes an error of before for one of now. Clearing none is not free.
void ForgetErrors() {
  if (ERR_peek_error() != 0) {
    ERR_clear_error();
  }
}

/// What this process may open, less what it needs itself: for its backend, its files, and the next client, which is
/// accepted before another one has to go.
std::size_t DescriptorsForConnections() {
  constexpr rlim_t kOwn = 40;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  return std::max(limit.rlim_cur, kOwn + 1) - kOwn;
}

/// One client. Owned and touched by the reactor thread alone.
struct Connection {
  enum class State : std::uint8_t {
    kHandshake,
    kHead,        // Waiting for a head, or in the middle of one.
    kProcessing,  // Its request waits for an answer.
    kResponse,
    kLingering,  // Answered for the last time; what still arrives is thrown away, lest a reset overtake the answer.
  };

  std::shared_ptr<Session> session;
  std::string address;
  State state = State::kHandshake;
  std::optional<ClientCertificate> client;
  std::shared_ptr<const PresentedCertificates> presented;
  std::string input;
  std::size_t scanned = 0;  // Bytes of `input` known not to end a head.
  std::string output;
  std::size_t sent = 0;
  std::size_t discarded = 0;   // While lingering.
  bool readable = false;       // The kernel may have more; edge-triggered, so it will not say so again.
  bool writable = false;       // The same, while there is a handshake.
  bool shaking_hands = false;  // The session is the Handshaker's now.
  bool close_after_response = false;
  bool answered = false;  // At least once: not a mere visitor.
  Clock::time_point since;
  Clock::time_point deadline;

  int fd() const { return session->fd.get(); }
  SSL* ssl() const { return session->ssl.get(); }
};

struct Answer {
  std::uint64_t connection;
  std::string bytes;
  bool close;
};

struct HandshakeStep {
  std::uint64_t connection;
  Handshaker::Result result;
};

/// What reaches the reactor from other threads.
struct Mail {
  std::vector<Answer> answers;
  std::vector<HandshakeStep> handshakes;

  void Reserve(std::size_t count) {
    answers.reserve(count);
    handshakes.reserve(count);
  }
};

/// Mail on its way to the reactor, which it wakes.
class Mailbox {
 public:
  Mailbox() : wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (wake_.get() < 0) {
      throw std::system_error(errno, std::generic_category(), "cannot start the listener");
    }
  }

  void Put(Answer answer) {
    const std::lock_guard lock(mutex_);
    mail_.answers.push_back(std::move(answer));
    WakeSleeper();
  }

  void Put(HandshakeStep step) {
    const std::lock_guard lock(mutex_);
    mail_.handshakes.push_back(step);
    WakeSleeper();
  }

  /// Any thread.
  void Wake() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = write(wake_.get(), &one, sizeof(one));
  }

  // For the reactor only.

  /// From now on `count` of each can be put without more memory.
  void Reserve(std::size_t count) {
    const std::lock_guard lock(mutex_);
    mail_.Reserve(count);
  }

  /// Readable, edge-triggered, when there is something to look at.
  int fd() const { return wake_.get(); }

  void Drain() const {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = read(wake_.get(), &count, sizeof(count));
  }

  /// Whether the reactor may go to sleep, since there is no mail; the next wakes it.
  bool FallAsleep() {
    const std::lock_guard lock(mutex_);
    asleep_ = mail_.answers.empty() && mail_.handshakes.empty();
    return asleep_;
  }

  void StayAwake() {
    const std::lock_guard lock(mutex_);
    asleep_ = false;
  }

  /// Moves everything to `mail`, which is empty.
  void TakeAll(Mail& mail) {
    const std::lock_guard lock(mutex_);
    std::swap(mail_, mail);
  }

 private:
  /// With mutex_ held.
  void WakeSleeper() {
    if (std::exchange(asleep_, false)) {
      Wake();
    }
  }

  const UniqueFd wake_;
  std::mutex mutex_;
  Mail mail_;            // Guarded by mutex_.
  bool asleep_ = false;  // Guarded by mutex_.
};

/// What turns responses into answers. Lives as long as anybody may respond, which may be longer than the reactor.
struct Responder {
  HttpEngine engine;
  Mailbox mailbox;
  std::atomic<bool> closing = false;
};

/// One request, until it is answered.
struct Exchange {
  std::uint64_t connection;
  RequestHead head;
  std::shared_ptr<Responder> responder;

  void Respond(Response response) const {
    bool close = responder->closing;  // Asked for only now: the answer may have been long in coming.
    std::string bytes;
    try {
      bytes = responder->engine.Render(head, std::move(response), close);
    } catch (const std::bad_alloc&) {
      close = true;  // Without an answer.
    }
    responder->mailbox.Put({connection, std::move(bytes), close});
  }
};

}  // namespace

class HttpsServer::Reactor {
 public:
  Reactor(ListenerOptions options, std::shared_ptr<const TlsContext> tls, Handler handler, RejectionHandler rejection,
          ListenerObserver& observer)
      : options_(std::move(options)),
        rejection_(std::move(rejection)),
        observer_(observer),
        handler_(std::move(handler)),
        max_connections_(std::min(options_.max_connections, DescriptorsForConnections())),
        listener_(Listen(options_.bind_address, options_.port)),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        tls_(std::move(tls)) {
    if (epoll_.get() < 0) {
      throw std::system_error(errno, std::generic_category(), "cannot start the listener");
    }
    Watch(listener_.get(), kListenerId, EPOLLIN);
    Watch(responder_->mailbox.fd(), kMailboxId, EPOLLIN | EPOLLET);
    // There is memory for the mail of every connection, even when there is none for more.
    responder_->mailbox.Reserve(max_connections_);
    mail_.Reserve(max_connections_);
  }

  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  std::uint16_t port() const {
    SocketAddress address{};
    socklen_t length = sizeof(address);
    getsockname(listener_.get(), &address.any, &length);
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
  }

  void AlsoWaitFor(int fd, std::function<void()> act) {
    companion_ = std::move(act);
    Watch(fd, kCompanionId, EPOLLIN);
  }

  void Serve() {
    std::array<epoll_event, 256> events{};
    Clock::time_point next_sweep = Clock::now() + kSweepInterval;
    while (!Drained()) {
      const int wait = responder_->mailbox.FallAsleep() ? WaitMilliseconds() : 0;
      const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait);
      responder_->mailbox.StayAwake();
      for (int i = 0; i < count; ++i) {
        OnEvent(events.at(static_cast<std::size_t>(i)));
      }
      ReadMail();
      companion_();  // After all that may have given it work, since nobody else wakes it for that.
      if (const auto now = Clock::now(); now >= next_sweep) {
        Sweep(now);
        next_sweep = now + kSweepInterval;
      }
    }
    connections_.clear();
    observer_.OnOpenConnections(0);
  }

  void UseTls(std::shared_ptr<const TlsContext> tls) {
    const std::lock_guard lock(tls_mutex_);
    tls_ = std::move(tls);
  }

  void AnnounceShutdown() { responder_->closing = true; }

  void Drain() {
    AnnounceShutdown();
    drain_requested_ = true;
    responder_->mailbox.Wake();
  }

 private:
  static constexpr std::uint64_t kListenerId = 0;
  static constexpr std::uint64_t kMailboxId = 1;
  static constexpr std::uint64_t kCompanionId = 2;
  static constexpr std::uint64_t kFirstConnectionId = 3;
  static constexpr std::chrono::milliseconds kSweepInterval{500};
  static constexpr std::chrono::milliseconds kLingerTimeout{2'000};
  static constexpr std::size_t kLingerBytes = 256 * 1024;

  using ConnectionMap = std::unordered_map<std::uint64_t, Connection>;

  void Watch(int fd, std::uint64_t id, std::uint32_t events) const {
    epoll_event event{};
    event.events = events;
    event.data.u64 = id;
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
  }

  int WaitMilliseconds() const {
    const bool nothing_expires = connections_.empty() && !accepting_paused_ && !draining_;
    return nothing_expires ? -1 : static_cast<int>(kSweepInterval.count());
  }

  void OnEvent(const epoll_event& event) {
    switch (event.data.u64) {
      case kListenerId:
        try {
          Accept();
        } catch (const std::bad_alloc&) {
          ShedOne();
          PauseAccepting();
        }
        return;
      case kMailboxId:
        responder_->mailbox.Drain();
        if (drain_requested_ && !draining_) {
          StartDrain();
        }
        return;
      case kCompanionId:
        return;  // Its turn comes in each round.
      default:
        OnConnectionEvent(event);
    }
  }

  void OnConnectionEvent(const epoll_event& event) {
    const auto found = connections_.find(event.data.u64);
    if (found == connections_.end()) {
      return;  // Closed by an earlier event of this round.
    }
    Connection& connection = found->second;
    connection.readable = connection.readable || (event.events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    if (connection.state == Connection::State::kHandshake) {
      connection.writable = connection.writable || (event.events & EPOLLOUT) != 0;
      try {
        ShakeHands(found->first, connection);
      } catch (const std::bad_alloc&) {
        Close(found);
      }
    } else {
      Advance(found);
    }
  }

  // Accepting and making room ---------------------------------------------------------------------------------------

  void Accept() {
    constexpr int kBatch = 16;  // Then the others get their turn; the listener is level-triggered.
    for (int i = 0; i < kBatch; ++i) {
      SocketAddress address{};
      socklen_t length = sizeof(address);
      UniqueFd fd(accept4(listener_.get(), &address.any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (fd.get() < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
          ShedOne();
          PauseAccepting();
        }
        return;
      }
      const bool room = connections_.size() < max_connections_ || ShedOne();
      Add(std::move(fd), ToString(address));
      if (!room) {
        PauseAccepting();
        return;
      }
    }
  }

  std::shared_ptr<const TlsContext> CurrentTls() {
    const std::lock_guard lock(tls_mutex_);
    return tls_;
  }

  void Add(UniqueFd fd, std::string address) {
    const int on = 1;
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    Connection connection;
    try {
      UniqueSsl ssl(CurrentTls()->NewSession(fd.get()));
      connection.session = std::make_shared<Session>(Session{std::move(fd), std::move(ssl)});
    } catch (const std::exception&) {
      return;  // Out of memory: this client can come again.
    }
    connection.address = std::move(address);
    connection.since = Clock::now();
    connection.deadline = connection.since + options_.handshake_timeout;
    const std::uint64_t id = next_id_++;
    Watch(connection.fd(), id, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    connections_.emplace(id, std::move(connection));
    observer_.OnOpenConnections(connections_.size());
  }

  /// Until the next mail or sweep; new clients wait in the kernel's queue meanwhile.
  void PauseAccepting() {
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listener_.get(), nullptr);
    accepting_paused_ = true;
  }

  void ResumeAccepting() {
    if (accepting_paused_) {
      accepting_paused_ = false;
      Watch(listener_.get(), kListenerId, EPOLLIN);
    }
  }

  /// Clients with a verified certificate (the front proxy) go last. Of the others, newcomers that never sent a whole
  /// request and clients that were answered before have a right to half of the room each, so that neither can keep the
  /// other out. Among equals, the one that has waited longest goes. Nobody goes whom this server keeps waiting, by a
  /// request in flight or a step of its handshake: false if there is nobody else.
  bool ShedOne() {
    enum Rank : std::uint8_t { kNewcomer, kAnswered, kVouchedFor };
    std::array<ConnectionMap::iterator, 3> longest_waiting;
    longest_waiting.fill(connections_.end());
    std::size_t newcomers = 0;
    for (auto it = connections_.begin(); it != connections_.end(); ++it) {
      const Connection& c = it->second;
      if (c.state == Connection::State::kProcessing) {
        continue;
      }
      const bool vouched_for = c.client || (c.presented && c.presented->vouched_for());
      const Rank rank = vouched_for ? kVouchedFor : c.answered ? kAnswered : kNewcomer;
      newcomers += rank == kNewcomer ? 1 : 0;
      if (c.shaking_hands) {
        continue;
      }
      auto& longest = longest_waiting.at(rank);
      if (longest == connections_.end() || c.since < longest->second.since) {
        longest = it;
      }
    }
    if (newcomers <= max_connections_ / 2) {
      std::swap(longest_waiting[kNewcomer], longest_waiting[kAnswered]);
    } else if (longest_waiting[kNewcomer] == connections_.end()) {
      return false;  // There will be one in a moment.
    }
    for (const auto victim : longest_waiting) {
      if (victim != connections_.end()) {
        observer_.OnShed();
        Close(victim);
        return true;
      }
    }
    return false;
  }

  void Close(ConnectionMap::iterator connection) {
    connections_.erase(connection);
    observer_.OnOpenConnections(connections_.size());
  }

  // TLS -------------------------------------------------------------------------------------------------------------

  /// Goes on with the handshake, if there is news for it.
  void ShakeHands(std::uint64_t id, Connection& connection) {
    if (connection.shaking_hands) {
      return;
    }
    const bool waits_to_write = SSL_want(connection.ssl()) == SSL_WRITING;
    if (connection.readable || (waits_to_write && connection.writable)) {
      connection.readable = false;
      connection.writable = false;
      connection.shaking_hands = true;
      handshaker_.GoOn(id, connection.session);
    }
  }

  void OnHandshakeStep(ConnectionMap::iterator it, Handshaker::Result result) {
    using Result = Handshaker::Result;
    Connection& connection = it->second;
    connection.shaking_hands = false;
    switch (result) {
      case Result::kDone:
        connection.client = TlsContext::VerifiedClient(connection.ssl());
        connection.presented = TlsContext::Presented(connection.ssl());
        AwaitHead(connection);
        connection.readable = true;  // The request may have come with the end of the handshake.
        Advance(it);
        return;
      case Result::kWaitsForClient:
        connection.since = Clock::now();  // Its turn, from now on.
        ShakeHands(it->first, connection);
        return;
      case Result::kIsPlainHttp: {
        observer_.OnHandshakeError();
        constexpr std::string_view kHint =
            "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\n\r\nThis server speaks HTTPS only.\n";
        [[maybe_unused]] const auto sent = send(connection.fd(), kHint.data(), kHint.size(), MSG_NOSIGNAL);
        Linger(connection);
        Advance(it);
        return;
      }
      case Result::kFailed:
        observer_.OnHandshakeError();
        Close(it);
        return;
    }
  }

  // Requests and responses ------------------------------------------------------------------------------------------

  void AwaitHead(Connection& connection) const {
    connection.state = Connection::State::kHead;
    connection.since = Clock::now();
    connection.deadline = connection.since + (connection.input.empty() ? options_.idle_timeout : options_.head_timeout);
    connection.scanned = 0;
  }

  /// Does all that can be done for a connection now. Closes it when it has come to its end, or there is no memory for
  /// it: this client can come again. Throws nothing.
  void Advance(ConnectionMap::iterator it) {
    bool open = true;
    try {
      open = AdvanceUntilWaiting(it->first, it->second);
    } catch (const std::bad_alloc&) {
      open = false;
    }
    if (!open) {
      Close(it);
    }
  }

  /// False when the connection is to be closed.
  bool AdvanceUntilWaiting(std::uint64_t id, Connection& connection) {
    bool open = true;
    bool progress = true;
    while (open && progress) {
      switch (connection.state) {
        case Connection::State::kHead:
          open = ReadHead(id, connection, progress);
          break;
        case Connection::State::kResponse:
          open = WriteResponse(connection, progress);
          break;
        case Connection::State::kLingering:
          open = Discard(connection);
          progress = false;
          break;
        case Connection::State::kHandshake:
        case Connection::State::kProcessing:
          progress = false;
          break;
      }
    }
    return open;
  }

  /// False when the connection is to be closed. `progress` says whether the state may have changed.
  bool ReadHead(std::uint64_t id, Connection& connection, bool& progress) {
    std::optional<HeadError> error;
    std::size_t length = FindHeadEnd(connection.input, connection.scanned, options_.head_limits, error);
    while (length == 0 && !error && connection.readable) {
      connection.scanned = connection.input.size();
      std::array<char, 16 * 1024> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by SSL_read
      ForgetErrors();
      const int count = SSL_read(connection.ssl(), buffer.data(), static_cast<int>(buffer.size()));
      if (count <= 0) {
        if (SSL_get_error(connection.ssl(), count) != SSL_ERROR_WANT_READ) {
          return false;
        }
        connection.readable = false;
        break;
      }
      if (connection.input.empty()) {
        connection.deadline = Clock::now() + options_.head_timeout;
      }
      connection.input.append(buffer.data(), static_cast<std::size_t>(count));
      length = FindHeadEnd(connection.input, connection.scanned, options_.head_limits, error);
    }
    if (error) {
      Reject(connection, *error);
    } else if (length == 0) {
      progress = false;
    } else {
      Handle(id, connection, length);
    }
    return true;
  }

  /// `length` bytes of the input are a complete head.
  void Handle(std::uint64_t id, Connection& connection, std::size_t length) {
    std::optional<HeadError> error;
    const std::string_view head = std::string_view(connection.input).substr(0, length);
    const auto exchange =
        std::make_shared<Exchange>(Exchange{id, ParseHead(head, options_.head_limits, error), responder_});
    if (error) {
      Reject(connection, *error);
      return;
    }
    connection.input = connection.input.substr(length);  // A new string, since the old one may have grown large.
    connection.state = Connection::State::kProcessing;
    connection.deadline = Clock::time_point::max();
    Request& request = exchange->head.request;
    request.remote_address = connection.address;
    request.client_certificate = connection.client;
    request.presented_certificates = connection.presented;
    handler_(request, [exchange](Response response) { exchange->Respond(std::move(response)); });
  }

  void Reject(Connection& connection, const HeadError& error) const {
    observer_.OnRejectedHead(error.status);
    Respond(connection, RenderRejection(rejection_(error.status, error.message)), true);
  }

  void Respond(Connection& connection, std::string bytes, bool close) const {
    connection.state = Connection::State::kResponse;
    connection.output = std::move(bytes);
    connection.sent = 0;
    connection.close_after_response = close;
    connection.deadline = Clock::now() + options_.response_timeout;
  }

  bool WriteResponse(Connection& connection, bool& progress) const {
    while (connection.sent < connection.output.size()) {
      ForgetErrors();
      std::size_t count = 0;
      const int result = SSL_write_ex(connection.ssl(), connection.output.data() + connection.sent,
                                      connection.output.size() - connection.sent, &count);
      if (result != 1) {
        const int reason = SSL_get_error(connection.ssl(), result);
        progress = false;
        return reason == SSL_ERROR_WANT_WRITE || reason == SSL_ERROR_WANT_READ;
      }
      connection.sent += count;
    }
    connection.output = {};
    if (!std::exchange(connection.answered, true)) {
      SSL_clear_mode(connection.ssl(), SSL_MODE_RELEASE_BUFFERS);  // Until the client is idle: see Sweep().
    }
    if (!connection.close_after_response) {
      AwaitHead(connection);
      return !draining_;
    }
    SSL_shutdown(connection.ssl());
    Linger(connection);
    return true;
  }

  static void Linger(Connection& connection) {
    shutdown(connection.fd(), SHUT_WR);
    connection.state = Connection::State::kLingering;
    connection.since = Clock::now();
    connection.deadline = connection.since + kLingerTimeout;
  }

  /// What a client still sends after its last answer is of no interest, encrypted or not.
  static bool Discard(Connection& connection) {
    std::array<char, 16 * 1024> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by recv
    while (connection.discarded < kLingerBytes) {
      const ssize_t count = recv(connection.fd(), buffer.data(), buffer.size(), 0);
      if (count < 0 && errno == EAGAIN) {
        return true;
      }
      if (count <= 0) {
        return false;
      }
      connection.discarded += static_cast<std::size_t>(count);
    }
    return false;
  }

  void ReadMail() {
    responder_->mailbox.TakeAll(mail_);
    if (!mail_.handshakes.empty() || !mail_.answers.empty()) {
      ResumeAccepting();
    }
    for (const HandshakeStep& step : mail_.handshakes) {
      const auto found = connections_.find(step.connection);
      if (found != connections_.end()) {
        try {
          OnHandshakeStep(found, step.result);
        } catch (const std::bad_alloc&) {
          Close(found);
        }
      }
    }
    mail_.handshakes.clear();
    for (Answer& answer : mail_.answers) {
      const auto found = connections_.find(answer.connection);
      if (found != connections_.end()) {
        Respond(found->second, std::move(answer.bytes), answer.close);
        Advance(found);
      }
    }
    mail_.answers.clear();
  }

  // Time and the end ------------------------------------------------------------------------------------------------

  void Sweep(Clock::time_point now) {
    ResumeAccepting();
    for (auto it = connections_.begin(); it != connections_.end();) {
      const auto current = it++;
      const Connection& connection = current->second;
      if (connection.deadline <= now && !connection.shaking_hands) {
        Close(current);
      } else if (connection.state == Connection::State::kHead && now - connection.since > kSweepInterval) {
        SSL_free_buffers(connection.ssl());
      }
    }
  }

  void StartDrain() {
    draining_ = true;
    drain_deadline_ = Clock::now() + options_.drain_timeout;
    listener_ = UniqueFd();
    accepting_paused_ = false;
    for (auto it = connections_.begin(); it != connections_.end();) {
      const auto current = it++;
      const Connection& connection = current->second;
      const bool idle = connection.state == Connection::State::kHead && connection.input.empty();
      if (idle || connection.state == Connection::State::kHandshake) {
        Close(current);
      }
    }
  }

  bool Drained() const { return draining_ && (connections_.empty() || Clock::now() >= drain_deadline_); }

  // Constant after construction.
  const ListenerOptions options_;
  const RejectionHandler rejection_;
  ListenerObserver& observer_;
  const Handler handler_;
  const std::size_t max_connections_;
  const std::shared_ptr<Responder> responder_ = std::make_shared<Responder>();

  // The reactor thread's own.
  UniqueFd listener_;
  const UniqueFd epoll_;
  std::function<void()> companion_ = [] {};
  ConnectionMap connections_;
  std::uint64_t next_id_ = kFirstConnectionId;
  Mail mail_;  // What is being read.
  bool accepting_paused_ = false;
  bool draining_ = false;
  Clock::time_point drain_deadline_;

  std::atomic<bool> drain_requested_ = false;  // Set from any thread.

  std::mutex tls_mutex_;
  std::shared_ptr<const TlsContext> tls_;  // Guarded by tls_mutex_.

  Handshaker handshaker_{[this](std::uint64_t connection, Handshaker::Result result) {
    responder_->mailbox.Put(HandshakeStep{connection, result});
  }};  // Last, so that it ends first.
};

HttpsServer::HttpsServer(ListenerOptions options, std::shared_ptr<const TlsContext> tls, Handler handler,
                         RejectionHandler rejection, ListenerObserver& observer)
    : reactor_(std::make_unique<Reactor>(std::move(options), std::move(tls), std::move(handler), std::move(rejection),
                                         observer)) {}

HttpsServer::~HttpsServer() = default;

std::uint16_t HttpsServer::port() const { return reactor_->port(); }

void HttpsServer::AlsoWaitFor(int fd, std::function<void()> act) { reactor_->AlsoWaitFor(fd, std::move(act)); }

void HttpsServer::Serve() { reactor_->Serve(); }

void HttpsServer::UseTls(std::shared_ptr<const TlsContext> tls) { reactor_->UseTls(std::move(tls)); }

void HttpsServer::AnnounceShutdown() { reactor_->AnnounceShutdown(); }

void HttpsServer::Drain() { reactor_->Drain(); }

}  // namespace server::http
