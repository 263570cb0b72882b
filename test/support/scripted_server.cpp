#include "test/support/scripted_server.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

namespace test {
namespace {

using metrics::redis::UniqueFd;

/// Listens on a free port of 127.0.0.1 and returns it.
std::uint16_t ListenOn(int socket, int backlog) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const name = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket, name, size) != 0 || ::listen(socket, backlog) != 0 || ::getsockname(socket, name, &size) != 0) {
    throw std::runtime_error("cannot listen");
  }
  return ntohs(address.sin_port);
}

UniqueFd NewSocket(int flags = 0) { return UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0)); }

}  // namespace

std::string Peer::ReadUntil(std::string_view text) {
  std::string read;
  std::size_t searched = 0;
  while (read.find(text, searched) == std::string::npos) {
    searched = read.size() - std::min(read.size(), text.size());
    std::array<char, 65536> buffer;
    const auto size = ::recv(socket_, buffer.data(), buffer.size(), 0);
    if (size <= 0) break;
    read.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return read;
}

bool Peer::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void Peer::WaitForEnd() {
  std::array<char, 4096> buffer{};
  while (::recv(socket_, buffer.data(), buffer.size(), 0) > 0) {
  }
}

void Peer::AnswerHandshake() {
  ReadUntil("PING\r\n");
  Write("+PONG\r\n");
}

ScriptedServer::ScriptedServer(Script script)
    : script_(std::move(script)), listener_(NewSocket()), port_(ListenOn(listener_.get(), 16)) {
  thread_ = std::thread([this] { Serve(); });
}

ScriptedServer::~ScriptedServer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    ::shutdown(listener_.get(), SHUT_RDWR);
    if (current_) ::shutdown(current_.get(), SHUT_RDWR);
  }
  thread_.join();
}

int ScriptedServer::accepted() const {
  const std::lock_guard lock(mutex_);
  return accepted_;
}

void ScriptedServer::Serve() {
  for (;;) {
    UniqueFd accepted(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const int socket = accepted.get();
    {
      const std::lock_guard lock(mutex_);
      if (stopping_ || !accepted) return;
      current_ = std::move(accepted);
      ++accepted_;
    }
    Peer peer(socket);
    script_(peer);
    const std::lock_guard lock(mutex_);
    current_ = UniqueFd();
  }
}

BlackHole::BlackHole() : listener_(NewSocket()), port_(ListenOn(listener_.get(), 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port_);
  for (int i = 0; i < 3; ++i) {
    clients_.push_back(NewSocket(SOCK_NONBLOCK));
    ::connect(clients_.back().get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
}

}  // namespace test
