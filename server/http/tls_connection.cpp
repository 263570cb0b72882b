#include "server/http/tls_connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <system_error>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "server/http/openssl_error.h"
#include "server/http/pem.h"

namespace server::http {
namespace {

using Kind = TlsConnectionError::Kind;
using std::chrono::steady_clock;

struct FreeAddresses {
  void operator()(addrinfo* addresses) const noexcept { freeaddrinfo(addresses); }
};

std::string Reason(int error) { return std::generic_category().message(error); }

TlsConnectionError TimedOut() { return {Kind::kTimeout, "no answer in time"}; }

/// Throws when patience ends before `events` happen.
void Wait(int fd, short events, const Patience& patience) {  // NOLINT(google-runtime-int): poll's type
  std::array<pollfd, 2> watched{pollfd{fd, events, 0}, pollfd{patience.interrupt, POLLIN, 0}};
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(patience.deadline - steady_clock::now()).count();
    const auto timeout = std::clamp<decltype(left)>(left, 0, std::numeric_limits<int>::max());
    const int ready = poll(watched.data(), watched.size(), static_cast<int>(timeout));
    if (watched[1].revents != 0) {
      throw TlsConnectionError(Kind::kInterrupted, "interrupted");
    }
    if (watched[0].revents != 0) {
      return;
    }
    if (ready < 0 && errno != EINTR) {
      throw TlsConnectionError(Kind::kFailed, Reason(errno));
    }
    if (ready == 0) {
      throw TimedOut();
    }
  }
}

UniqueFd ConnectTo(const addrinfo& address, const Patience& patience) {
  UniqueFd fd(socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  int error = connect(fd.get(), address.ai_addr, address.ai_addrlen) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    Wait(fd.get(), POLLOUT, patience);
    socklen_t size = sizeof(error);
    getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  }
  if (error != 0) {
    throw TlsConnectionError(Kind::kFailed, "cannot connect: " + Reason(error));
  }
  return fd;
}

/// To the first of its addresses that accepts. Each gets its share of the time that is left.
UniqueFd Connect(const TlsPeer& peer, const Patience& patience) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(peer.host.c_str(), std::to_string(peer.port).c_str(), &hints, &found); error != 0) {
    throw TlsConnectionError(Kind::kFailed, std::string("cannot resolve: ") + gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, FreeAddresses> addresses(found);
  int count = 0;
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    ++count;
  }
  for (const addrinfo* address = found;; address = address->ai_next, --count) {
    const auto now = steady_clock::now();
    try {
      return ConnectTo(*address, {now + (patience.deadline - now) / count, patience.interrupt});
    } catch (const TlsConnectionError& error) {
      if (error.kind() == Kind::kInterrupted || address->ai_next == nullptr) {
        throw;
      }
    }
  }
}

std::shared_ptr<SSL_CTX> MakeContext(const TlsPeer& peer) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
  if (!context) {
    throw OpensslError("cannot make a TLS context");
  }
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (peer.ca.empty()) {
    SSL_CTX_set_default_verify_paths(context.get());
  } else {
    for (const UniqueCertificate& certificate : ReadCertificates(peer.ca, "the server's CA bundle")) {
      if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), certificate.get()) != 1) {
        throw OpensslError("the server's CA bundle cannot be used");
      }
    }
  }
  if (!peer.certificate_chain.empty()) {
    UseCertificate(context.get(), peer.certificate_chain, peer.private_key, "the client certificate");
  }
  return context;
}

bool IsAddress(const std::string& host) {
  in6_addr address{};
  return inet_pton(AF_INET, host.c_str(), &address) == 1 || inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

/// What SSL_set_tlsext_host_name does, which is a macro with a cast that warns.
bool SendName(SSL* session, std::string name) {
  return SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data()) == 1;
}

/// What the certificate must be for.
void ExpectName(SSL* session, const std::string& name) {
  const bool set = IsAddress(name) ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), name.c_str()) == 1
                                   : SSL_set1_host(session, name.c_str()) == 1 && SendName(session, name);
  if (!set) {
    throw OpensslError("cannot look for the server's name");
  }
}

}  // namespace

TlsConnection::TlsConnection(const TlsPeer& peer, const Patience& patience) try
    : context_(MakeContext(peer)), session_(SSL_new(context_.get()), &SSL_free) {
  ExpectName(session_.get(), peer.name.empty() ? peer.host : peer.name);
  socket_ = Connect(peer, patience);
  if (SSL_set_fd(session_.get(), socket_.get()) != 1) {
    throw OpensslError("cannot start a TLS session");
  }
  ShakeHands(patience);
} catch (const TlsConnectionError&) {
  throw;
} catch (const std::runtime_error& error) {
  throw TlsConnectionError(Kind::kFailed, error.what());
}

void TlsConnection::ShakeHands(const Patience& patience) {
  for (;;) {
    ERR_clear_error();
    const int result = SSL_connect(session_.get());
    if (result == 1) {
      return;
    }
    const long verdict = SSL_get_verify_result(session_.get());  // NOLINT(google-runtime-int): OpenSSL's type
    if (verdict != X509_V_OK) {
      throw TlsConnectionError(Kind::kFailed, std::string("the server's certificate is not trusted: ") +
                                                  X509_verify_cert_error_string(verdict));
    }
    if (!WaitAfter(result, patience)) {
      throw TlsConnectionError(Kind::kLost, "the server closed the connection in the handshake");
    }
  }
}

std::size_t TlsConnection::Read(char* data, std::size_t size, const Patience& patience) {
  if (steady_clock::now() >= patience.deadline) {
    throw TimedOut();  // There may be more bytes, but not all there are can be had in time.
  }
  for (;;) {
    ERR_clear_error();
    const int count = SSL_read(session_.get(), data, static_cast<int>(std::min<std::size_t>(size, kLargestChunk)));
    if (count > 0) {
      return static_cast<std::size_t>(count);
    }
    if (!WaitAfter(count, patience)) {
      return 0;
    }
  }
}

void TlsConnection::Write(std::string_view data, const Patience& patience) {
  while (!data.empty()) {
    ERR_clear_error();
    const int count =
        SSL_write(session_.get(), data.data(), static_cast<int>(std::min<std::size_t>(data.size(), kLargestChunk)));
    if (count > 0) {
      data.remove_prefix(static_cast<std::size_t>(count));
    } else if (!WaitAfter(count, patience)) {
      throw TlsConnectionError(Kind::kLost, "the server closed the connection");
    }
  }
}

bool TlsConnection::WaitAfter(int result, const Patience& patience) {
  const int system_error = errno;
  switch (SSL_get_error(session_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      Wait(socket_.get(), POLLIN, patience);
      return true;
    case SSL_ERROR_WANT_WRITE:
      Wait(socket_.get(), POLLOUT, patience);
      return true;
    case SSL_ERROR_ZERO_RETURN:
      return false;
    case SSL_ERROR_SYSCALL:
      throw TlsConnectionError(Kind::kLost, "connection lost: " + Reason(system_error));
    default:
      throw TlsConnectionError(Kind::kLost, OpensslError("connection lost").what());
  }
}

}  // namespace server::http
