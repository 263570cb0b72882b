#include "metrics/redis/redis_connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace metrics::redis {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kShortestPause{50};
constexpr milliseconds kLongestPause{1000};

std::string Describe(int error) { return std::generic_category().message(error); }

std::string NoAnswerWithin(milliseconds time) { return "no answer within " + std::to_string(time.count()) + " ms"; }

void SetTcpOptions(int fd) {
  const auto set = [fd](int level, int name, int value) { ::setsockopt(fd, level, name, &value, sizeof value); };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  // An idle connection whose other end has vanished is noticed in half a minute, not at the next read.
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 15);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
}

/// A socket that connects to `address`, or is connected to it. Otherwise none, and `error` is the errno.
UniqueFd BeginConnect(const Address& address, int& error) {
  UniqueFd socket(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket && address.storage.ss_family != AF_UNIX) SetTcpOptions(socket.get());
  const auto* const name = reinterpret_cast<const sockaddr*>(&address.storage);
  if (socket && (::connect(socket.get(), name, address.length) == 0 || errno == EINPROGRESS)) return socket;
  error = errno;
  return {};
}

/// The result of a connect that is over.
int ConnectError(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

}  // namespace

RedisConnection::RedisConnection(EventLoop& loop, RedisOptions options, RedisObserver& observer)
    : loop_(loop),
      options_(std::move(options)),
      subject_("Redis at " + ToString(options_.endpoint)),
      observer_(observer),
      mailbox_(std::make_shared<Mailbox>()),
      random_(std::random_device{}()),
      on_socket_([this](std::uint32_t events) { OnSocket(events); }),
      requests_(subject_, options_.timeout) {
  mailbox_->owner = this;
  reported_ = status();
  timer_.emplace(loop, [this] { OnTimer(); });
  loop_.Post([this] { StartAttempt(); });
}

RedisConnection::~RedisConnection() {
  {
    const std::lock_guard lock(mailbox_->mutex);
    mailbox_->owner = nullptr;
  }
  loop_.RunAndWait([this] { Shutdown(); });
}

void RedisConnection::Send(Batch batch, Clock::time_point deadline, ResultCallback callback) {
  const auto now = Clock::now();
  if (deadline <= now) {
    return callback(FailureOf(UnavailableKind::kTimeout, "was not asked: the time for an answer was up"));
  }
  std::unique_lock lock(mutex_);
  if (!is_up_ && !may_wait_) {
    const Failure failure = *failure_;
    lock.unlock();
    return callback(failure);
  }
  if (!requests_.HasRoomFor(batch, unwritten_.size())) {
    lock.unlock();
    return callback(FailureOf(UnavailableKind::kOverload, "was not asked: too much waits for its answers already"));
  }
  RequestQueue::Request request{std::move(batch), now, deadline, std::move(callback)};
  if (is_up_) {
    const std::string& bytes = requests_.Dispatch(std::move(request), now);
    if (!later_.empty() || loop_.RunsHere()) {
      WriteLater(bytes);
    } else {
      Write(bytes);
    }
  } else {
    requests_.Wait(std::move(request));
  }
  WakeAt(std::min(deadline, now + options_.timeout));
}

SourceStatus RedisConnection::status() const {
  const std::lock_guard lock(mutex_);
  if (is_up_) return {.up = true};
  return {.up = false, .cause = failure_ ? failure_->text : subject_ + " is not connected yet"};
}

void RedisConnection::StartAttempt() {
  Enter(State::kResolving, options_.timeout);
  try {
    Resolve(options_.endpoint, [mailbox = mailbox_](Resolution resolution) {
      const std::lock_guard lock(mailbox->mutex);
      RedisConnection* const owner = mailbox->owner;
      if (owner == nullptr) return;
      owner->loop_.Post([owner, resolution = std::move(resolution)] { owner->OnResolved(resolution); });
    });
  } catch (const std::system_error& error) {
    FailAttempt(UnavailableKind::kConnection, std::string("cannot be resolved: ") + error.what());
  }
}

void RedisConnection::OnResolved(const Resolution& resolution) {
  if (resolution.addresses.empty()) {
    FailAttempt(UnavailableKind::kConnection, "cannot be resolved: " + resolution.error);
  } else {
    addresses_ = resolution.addresses;
    next_address_ = 0;
    ConnectToNextAddress();
  }
  Report();
}

void RedisConnection::ConnectToNextAddress() {
  while (next_address_ < addresses_.size()) {
    int error = 0;
    UniqueFd socket = BeginConnect(addresses_[next_address_++], error);
    if (!socket) {
      connect_error_ = Describe(error);
      continue;
    }
    {
      const std::lock_guard lock(mutex_);
      socket_ = std::move(socket);
    }
    loop_.Watch(socket_.get(), EPOLLOUT, on_socket_);
    Enter(State::kConnecting, options_.timeout / addresses_.size());
    return;
  }
  FailAttempt(UnavailableKind::kConnection, "cannot be reached: " + connect_error_);
}

void RedisConnection::OnSocket(std::uint32_t events) {
  if (state_ == State::kConnecting) {
    if (const int error = ConnectError(socket_.get()); error != 0) {
      connect_error_ = Describe(error);
      CloseSocket();
      ConnectToNextAddress();
    } else {
      ShakeHands();
    }
  } else {
    if ((events & EPOLLOUT) != 0) {
      const std::lock_guard lock(mutex_);
      Flush();
    }
    if ((events & ~EPOLLOUT) != 0) Receive();
  }
  Report();
}

void RedisConnection::ShakeHands() {
  try {
    handshake_.emplace(options_.credentials ? options_.credentials() : Credentials{}, options_.endpoint.database);
  } catch (const std::exception& error) {
    CloseSocket();
    FailAttempt(UnavailableKind::kAuth, std::string("cannot be given credentials: ") + error.what());
    return;
  }
  reader_.emplace();
  loop_.ChangeWatch(socket_.get(), EPOLLIN, on_socket_);
  Enter(State::kHandshaking, options_.timeout);
  const std::lock_guard lock(mutex_);
  Write(handshake_->bytes());
}

void RedisConnection::Receive() {
  std::array<char, 16384> buffer;
  const auto size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
  if (size > 0) {
    try {
      reader_->Feed({buffer.data(), static_cast<std::size_t>(size)});
      TakeReplies();
    } catch (const ProtocolError& error) {
      Lose(UnavailableKind::kProtocol, std::string("answered ") + error.what());
    }
  } else if (size == 0) {
    Lose(UnavailableKind::kConnection, "closed the connection");
  } else if (errno != EAGAIN && errno != EINTR) {
    Lose(UnavailableKind::kConnection, "lost the connection: " + Describe(errno));
  }
}

void RedisConnection::TakeReplies() {
  Reply reply;
  while (state_ == State::kHandshaking) {
    if (!reader_->Next(reply)) return;
    if (const auto refusal = handshake_->Take(reply)) {
      CloseSocket();
      FailAttempt(refusal->kind, refusal->text);
      return;
    }
    if (handshake_->done()) ComeUp();
  }
  const auto now = Clock::now();
  const std::lock_guard lock(mutex_);
  while (reader_->Next(reply)) requests_.Take(std::move(reply), now, settled_);
}

void RedisConnection::ComeUp() {
  handshake_.reset();
  state_ = State::kUp;
  up_since_ = Clock::now();
  const std::lock_guard lock(mutex_);
  is_up_ = true;
  failure_.reset();
  may_wait_ = true;
  Write(requests_.DispatchWaiting(up_since_));
  WakeAt(requests_.NextEvent());
}

void RedisConnection::Lose(UnavailableKind kind, const std::string& what) {
  if (state_ == State::kHandshaking) {
    CloseSocket();
    FailAttempt(kind, what + " during the handshake");
    return;
  }
  const bool lasted = Clock::now() - up_since_ >= options_.timeout;
  {
    const std::lock_guard lock(mutex_);
    is_up_ = false;
    failure_ = FailureOf(kind, what);
    may_wait_ = lasted && kind != UnavailableKind::kTimeout;
    requests_.Lose(*failure_, settled_);
  }
  CloseSocket();
  if (lasted) {
    failures_ = 0;
    StartAttempt();
  } else {
    Pause();
  }
}

void RedisConnection::FailAttempt(UnavailableKind kind, const std::string& what) {
  FailWaiting(kind, what);
  Pause();
}

void RedisConnection::FailWaiting(UnavailableKind kind, const std::string& what) {
  const std::lock_guard lock(mutex_);
  failure_ = FailureOf(kind, what);
  may_wait_ = false;
  requests_.FailWaiting(*failure_, settled_);
}

void RedisConnection::Pause() {
  const auto longest = std::min(kLongestPause, kShortestPause * (1U << std::min(failures_, 5U)));
  ++failures_;
  std::uniform_int_distribution<milliseconds::rep> jitter(longest.count() / 2, longest.count());
  Enter(State::kPausing, milliseconds(jitter(random_)));
}

void RedisConnection::CloseSocket() {
  loop_.Unwatch(socket_.get());
  const std::lock_guard lock(mutex_);
  socket_ = UniqueFd();
  unwritten_.clear();
  later_.clear();
}

void RedisConnection::Enter(State state, Clock::duration at_most) {
  state_ = state;
  state_end_ = Clock::now() + at_most;
  const std::lock_guard lock(mutex_);
  WakeAt(state_end_);
}

void RedisConnection::OnTimer() {
  const auto now = Clock::now();
  // An answer that has arrived is not late because the loop is.
  if (state_ == State::kHandshaking || state_ == State::kUp) Receive();
  bool is_stalled = false;
  {
    const std::lock_guard lock(mutex_);
    wake_at_ = Clock::time_point::max();
    requests_.Expire(now, settled_);
    is_stalled = requests_.IsStalled(now);
  }
  if (is_stalled) {
    Lose(UnavailableKind::kTimeout, "stopped answering: " + NoAnswerWithin(options_.timeout));
  } else if (state_ != State::kUp && now >= state_end_) {
    OnStateEnd();
  }
  {
    const std::lock_guard lock(mutex_);
    WakeAt(requests_.NextEvent());
    if (state_ != State::kUp) WakeAt(state_end_);
  }
  Report();
}

void RedisConnection::OnStateEnd() {
  switch (state_) {
    case State::kPausing:
      StartAttempt();
      break;
    case State::kResolving:
      // A lookup cannot be cancelled. The attempt goes on when it ends, but nobody waits for that any more.
      state_end_ = Clock::time_point::max();
      FailWaiting(UnavailableKind::kConnection, "cannot be resolved: " + NoAnswerWithin(options_.timeout));
      break;
    case State::kConnecting:
      connect_error_ = NoAnswerWithin(options_.timeout);
      CloseSocket();
      ConnectToNextAddress();
      break;
    case State::kHandshaking:
      CloseSocket();
      FailAttempt(UnavailableKind::kTimeout,
                  "accepts connections but does not answer: " + NoAnswerWithin(options_.timeout));
      break;
    case State::kUp:
      break;
  }
}

void RedisConnection::Report() {
  for (RequestQueue::Settled& settled : settled_) {
    if (std::holds_alternative<std::vector<Reply>>(settled.result)) {
      observer_.OnRoundTrip(options_.name, Clock::now() - settled.started);
    }
    settled.callback(std::move(settled.result));
  }
  settled_.clear();
  if (SourceStatus current = status(); current != reported_) {
    reported_ = std::move(current);
    observer_.OnConnectionChange(options_.name, reported_.up, reported_.cause);
  }
}

void RedisConnection::Shutdown() {
  {
    const std::lock_guard lock(mutex_);
    is_up_ = false;
    may_wait_ = false;
    failure_ = FailureOf(UnavailableKind::kConnection, "is not asked any more: the server shuts down");
    requests_.FailAll(*failure_, settled_);
  }
  if (socket_) CloseSocket();
  timer_.reset();
  reported_ = status();  // Our own end is not an event to tell.
  Report();
}

void RedisConnection::Write(std::string_view bytes) {
  if (unwritten_.empty()) {
    // What send() does not take waits for EPOLLOUT, whatever the reason: a broken socket is for Receive() to see.
    const auto sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
    if (bytes.empty()) return;
    loop_.ChangeWatch(socket_.get(), EPOLLIN | EPOLLOUT, on_socket_);
  }
  unwritten_ += bytes;
}

void RedisConnection::WriteLater(std::string_view bytes) {
  if (later_.empty()) {
    loop_.Post([this] {
      const std::lock_guard lock(mutex_);
      if (!later_.empty()) Write(later_);
      later_.clear();
    });
  }
  later_ += bytes;
}

void RedisConnection::Flush() {
  const auto sent = ::send(socket_.get(), unwritten_.data(), unwritten_.size(), MSG_NOSIGNAL);
  if (sent > 0) unwritten_.erase(0, static_cast<std::size_t>(sent));
  if (unwritten_.empty()) loop_.ChangeWatch(socket_.get(), EPOLLIN, on_socket_);
}

void RedisConnection::WakeAt(Clock::time_point when) {
  if (when >= wake_at_) return;
  wake_at_ = when;
  timer_->Set(when);
}

Failure RedisConnection::FailureOf(UnavailableKind kind, const std::string& what) const {
  return {kind, subject_ + " " + what};
}

}  // namespace metrics::redis
