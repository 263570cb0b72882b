#include "metrics/redis/redis_connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
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
constexpr char kTlsAlert = '\x15';  // Begins what a TLS server says to a client that does not speak it.

std::string Describe(int error) { return std::generic_category().message(error); }

std::string SubjectFor(const RedisEndpoint& endpoint) { return "Redis at " + ToString(endpoint); }

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

RedisConnection::RedisConnection(EventLoop& loop, RedisOptions options, RedisObserver& observer, Target target)
    : loop_(loop),
      options_(std::move(options)),
      target_(target),
      observer_(observer),
      mailbox_(std::make_shared<Mailbox>()),
      endpoint_(options_.endpoint),
      random_(std::random_device{}()),
      on_socket_([this](std::uint32_t events) { OnSocket(events); }),
      subject_(target == Target::kServer ? SubjectFor(endpoint_) : "The master"),
      requests_(subject_, options_.timeout) {
  mailbox_->owner = this;
  reported_ = status();
  timer_.emplace(loop, [this] { OnTimer(); });
  if (target_ == Target::kServer) loop_.Post([this] { StartAttempt(); });
}

RedisConnection::~RedisConnection() {
  if (!timer_) return;
  loop_.RunsHere() ? End() : loop_.RunAndWait([this] { End(); });
}

void RedisConnection::Send(Batch batch, Clock::time_point deadline, ResultCallback callback) {
  const auto now = Clock::now();
  if (target_ == Target::kMaster) batch.Add({"ROLE"});
  std::unique_lock lock(mutex_);
  if (deadline <= now) {
    const Failure failure = FailureOf(UnavailableKind::kTimeout, "was not asked: the time for an answer was up");
    lock.unlock();
    return callback(failure);
  }
  if (!is_up_ && !may_wait_) {
    const Failure failure = *failure_;
    lock.unlock();
    return callback(failure);
  }
  if (!requests_.HasRoomFor(batch, unwritten_.size())) {
    const Failure failure =
        FailureOf(UnavailableKind::kOverload, "was not asked: too much waits for its answers already");
    lock.unlock();
    return callback(failure);
  }
  RequestQueue::Request request{std::move(batch), now, deadline, std::move(callback)};
  if (is_up_) {
    const std::string& bytes = requests_.Dispatch(std::move(request), now);
    try {
      if (!later_.empty() || loop_.RunsHere()) {
        WriteLater(bytes);
      } else {
        Write(bytes);
      }
    } catch (const std::bad_alloc&) {
      GiveUpSocket();
    }
  } else {
    requests_.Wait(std::move(request));
  }
  WakeAt(std::min(deadline, now + options_.timeout));
}

SourceStatus RedisConnection::status() const {
  const std::lock_guard lock(mutex_);
  if (is_up_ || renews_) return {.up = true};
  return {.up = false, .cause = failure_ ? failure_->text : subject_ + " is not connected yet"};
}

void RedisConnection::UseEndpoint(const RedisEndpoint& endpoint) {
  endpoint_ = endpoint;
  endpoint_.database = options_.endpoint.database;
  {
    const std::lock_guard lock(mutex_);
    failure_ = FailureOf(UnavailableKind::kConnection, "is not the master any more");
    subject_ = SubjectFor(endpoint_);
    is_up_ = false;
    renews_ = false;
    may_wait_ = true;
    requests_.set_subject(subject_);
    requests_.Lose(*failure_, settled_);
    if (attempt_ == 0) failure_.reset();  // There was no other before.
  }
  if (attempt_ == 0) reported_ = status();
  if (socket_) CloseSocket();
  failures_ = 0;
  StartAttempt();
  Report();
}

void RedisConnection::HasNoEndpoint(const Failure& why) {
  FailWaiting(why);
  Report();
}

template <typename Act>
void RedisConnection::OrLater(Act act) {
  try {
    act();
  } catch (const std::bad_alloc&) {
    if (state_ == State::kUp) {
      GiveUpSocket();
    } else {
      CloseSocket();
      Pause();
    }
  }
}

void RedisConnection::StartAttempt() {
  ++attempt_;
  Enter(State::kResolving, options_.timeout);
  try {
    Resolve(endpoint_, [mailbox = mailbox_, attempt = attempt_](Resolution resolution) {
      const std::lock_guard lock(mailbox->mutex);
      if (mailbox->owner == nullptr) return;
      mailbox->owner->loop_.Post([mailbox, attempt, resolution = std::move(resolution)] {
        if (RedisConnection* const owner = mailbox->Owner()) owner->OnResolved(attempt, resolution);
      });
    });
  } catch (const std::system_error& error) {
    FailAttempt(UnavailableKind::kConnection, std::string("cannot be resolved: ") + error.what());
  }
}

void RedisConnection::OnResolved(unsigned attempt, const Resolution& resolution) {
  if (attempt != attempt_) return;  // Of an endpoint that is not used any more.
  OrLater([&] {
    if (resolution.addresses.empty()) {
      FailAttempt(UnavailableKind::kConnection, "cannot be resolved: " + resolution.error);
    } else {
      addresses_ = resolution.addresses;
      next_address_ = 0;
      ConnectToNextAddress();
    }
  });
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
  OrLater([&] {
    if (state_ == State::kConnecting) {
      if (const int error = ConnectError(socket_.get()); error != 0) {
        connect_error_ = Describe(error);
        CloseSocket();
        ConnectToNextAddress();
      } else if (options_.tls) {
        Secure();
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
  });
  Report();
}

void RedisConnection::Secure() {
  std::string hello;
  try {
    const std::lock_guard lock(mutex_);
    tls_.emplace(*options_.tls, endpoint_.host);
    hello = tls_->TakeOutput();
  } catch (const TlsError& error) {
    CloseSocket();
    FailAttempt(UnavailableKind::kConnection, error.what());
    return;
  }
  loop_.ChangeWatch(socket_.get(), EPOLLIN, on_socket_);
  Enter(State::kSecuring, options_.timeout);
  const std::lock_guard lock(mutex_);
  WriteToSocket(hello);
}

void RedisConnection::ShakeHands() {
  try {
    handshake_.emplace(options_.credentials ? options_.credentials() : Credentials{}, endpoint_.database,
                       options_.protocol, target_ == Target::kMaster);
  } catch (const std::exception& error) {
    CloseSocket();
    FailAttempt(UnavailableKind::kAuth, std::string("cannot be given credentials: ") + error.what());
    return;
  }
  reader_.emplace(options_.protocol);
  heard_ = false;
  loop_.ChangeWatch(socket_.get(), EPOLLIN, on_socket_);
  Enter(State::kHandshaking, options_.timeout);
  const std::lock_guard lock(mutex_);
  Write(handshake_->bytes());
}

bool RedisConnection::Receive() {
  std::array<char, 16384> buffer;
  const auto size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
  if (size > 0) {
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(size));
    try {
      options_.tls ? ReceiveTls(bytes) : Feed(bytes);
    } catch (const ReplyTooLarge& error) {
      Lose(UnavailableKind::kTooLarge, std::string("answered ") + error.what());
    } catch (const ProtocolError& error) {
      Lose(UnavailableKind::kProtocol, std::string("answered ") + error.what());
    } catch (const std::bad_alloc&) {
      Lose(UnavailableKind::kConnection, "was not understood for want of memory");
    }
  } else if (size == 0) {
    Lose(UnavailableKind::kConnection, "closed the connection");
  } else if (errno != EAGAIN && errno != EINTR) {
    Lose(UnavailableKind::kConnection, "lost the connection: " + Describe(errno));
  }
  return size == static_cast<ssize_t>(buffer.size());
}

void RedisConnection::ReceiveTls(std::string_view bytes) {
  std::string plain;
  bool established = false;
  std::optional<std::string> problem;
  {
    const std::lock_guard lock(mutex_);
    try {
      tls_->Receive(bytes, plain);
    } catch (const TlsError& error) {
      problem = error.what();
    }
    WriteToSocket(tls_->TakeOutput());
    established = tls_->established();
  }
  if (problem && state_ != State::kUp) {
    CloseSocket();
    FailAttempt(UnavailableKind::kConnection, *problem);
    return;
  }
  if (problem) {
    Lose(UnavailableKind::kConnection, *problem);
    return;
  }
  if (state_ == State::kSecuring && established) ShakeHands();
  if (!plain.empty()) Feed(plain);
}

void RedisConnection::Feed(std::string_view bytes) {
  if (!std::exchange(heard_, true) && bytes.front() == kTlsAlert) throw ProtocolError("in TLS, not in plain text");
  reader_->Feed(bytes);
  TakeReplies();
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
  renews_ = false;
  failure_.reset();
  may_wait_ = true;
  Write(requests_.DispatchWaiting(up_since_));
  WakeAt(requests_.NextEvent());
}

void RedisConnection::Lose(UnavailableKind kind, const std::string& what) {
  if (state_ != State::kUp) {
    CloseSocket();
    FailAttempt(kind, what + HandshakeHint());
    return;
  }
  // It is as well as before if only one answer was too large, which settles the request for it.
  const bool renews = kind == UnavailableKind::kTooLarge;
  const bool is_well = renews || Clock::now() - up_since_ >= options_.timeout;
  {
    const std::lock_guard lock(mutex_);
    is_up_ = false;
    renews_ = renews;
    failure_ = FailureOf(kind, what);
    may_wait_ = is_well && kind != UnavailableKind::kTimeout;
    requests_.Lose(*failure_, settled_);
  }
  CloseSocket();
  if (is_well) {
    failures_ = 0;
    StartAttempt();
  } else {
    Pause();
  }
}

std::string RedisConnection::HandshakeHint() const {
  if (state_ == State::kSecuring) return " during the TLS handshake";
  // A Redis that expects TLS says nothing to a client without.
  return options_.tls || heard_ ? " during the handshake" : " during the handshake, as one does that expects TLS";
}

void RedisConnection::FailAttempt(UnavailableKind kind, const std::string& what) {
  FailWaiting(FailureOf(kind, what));
  Pause();
}

void RedisConnection::FailWaiting(const Failure& why) {
  const std::lock_guard lock(mutex_);
  renews_ = false;
  failure_ = why;
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
  tls_.reset();
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
  OrLater([&] {
    // An answer that has arrived is not late because the loop is.
    while (state_ >= State::kSecuring && Receive()) {
    }
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
  });
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
      FailWaiting(FailureOf(UnavailableKind::kConnection, "cannot be resolved: " + NoAnswerWithin(options_.timeout)));
      break;
    case State::kConnecting:
      connect_error_ = NoAnswerWithin(options_.timeout);
      CloseSocket();
      ConnectToNextAddress();
      break;
    case State::kSecuring:
      CloseSocket();
      FailAttempt(UnavailableKind::kTimeout,
                  "accepts connections but does not answer in TLS: " + NoAnswerWithin(options_.timeout));
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

void RedisConnection::BelieveOnlyMaster() {
  std::optional<Failure> refusal;
  for (RequestQueue::Settled& settled : settled_) {
    auto* const replies = std::get_if<std::vector<Reply>>(&settled.result);
    if (replies == nullptr) continue;
    refusal = RefusalOfRole(replies->back());
    replies->pop_back();
    if (refusal) settled.result = FailureOf(refusal->kind, refusal->text);
  }
  if (refusal && state_ == State::kUp) Lose(refusal->kind, refusal->text);
}

void RedisConnection::Report() {
  if (target_ == Target::kMaster) BelieveOnlyMaster();
  for (RequestQueue::Settled& settled : settled_) {
    if (std::holds_alternative<std::vector<Reply>>(settled.result)) {
      observer_.OnRoundTrip(options_.name, Clock::now() - settled.started);
    }
    settled.callback(std::move(settled.result));
  }
  settled_.clear();
  try {
    if (SourceStatus current = status(); current != reported_) {
      observer_.OnConnectionChange(options_.name, current.up, current.cause);
      reported_ = std::move(current);
    }
  } catch (const std::bad_alloc&) {  // It is told with the next report.
  }
}

void RedisConnection::End() {
  {
    const std::lock_guard lock(mailbox_->mutex);
    mailbox_->owner = nullptr;
  }
  {
    const std::lock_guard lock(mutex_);
    is_up_ = false;
    renews_ = false;
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
  if (!tls_) {
    WriteToSocket(bytes);
    return;
  }
  tls_->Send(bytes);
  WriteToSocket(tls_->TakeOutput());
}

void RedisConnection::WriteToSocket(std::string_view bytes) {
  if (bytes.empty()) return;
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
    loop_.Post([mailbox = mailbox_] {
      if (RedisConnection* const owner = mailbox->Owner()) owner->WriteNow();
    });
  }
  later_ += bytes;
}

void RedisConnection::WriteNow() {
  const std::lock_guard lock(mutex_);
  try {
    if (!later_.empty()) Write(later_);
  } catch (const std::bad_alloc&) {
    GiveUpSocket();
  }
  later_.clear();
}

void RedisConnection::GiveUpSocket() { ::shutdown(socket_.get(), SHUT_RDWR); }

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
