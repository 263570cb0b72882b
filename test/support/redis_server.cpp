#include "test/support/redis_server.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "metrics/redis/resp.h"

namespace test {
namespace {

using metrics::redis::Reply;
using metrics::redis::UniqueFd;
using namespace std::chrono_literals;

std::filesystem::path MakeFolder() {
  std::string name = std::filesystem::temp_directory_path() / "qms-redis-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  return name;
}

UniqueFd ConnectTo(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return UniqueFd();
  return socket;
}

Reply Ask(int socket, std::initializer_list<std::string_view> words) {
  metrics::redis::Batch batch;
  batch.Add(words);
  for (std::string_view rest = batch.bytes(); !rest.empty();) {
    const auto sent = ::send(socket, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0) throw std::runtime_error("cannot send to redis-server");
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
  metrics::redis::ReplyReader reader;
  Reply reply;
  while (!reader.Next(reply)) {
    std::array<char, 4096> buffer{};
    const auto size = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (size <= 0) throw std::runtime_error("redis-server does not answer");
    reader.Feed({buffer.data(), static_cast<std::size_t>(size)});
  }
  return reply;
}

}  // namespace

std::uint16_t FreePort() {
  // Not of those that outgoing connections get (ip_local_port_range begins at 32768), of which other tests have
  // thousands: one may have the port by the time somebody listens on it.
  thread_local std::mt19937 random{std::random_device{}()};
  std::uniform_int_distribution<std::uint16_t> ports(10'000, 32'000);
  for (int attempt = 0; attempt < 1'000; ++attempt) {
    const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(ports(random));
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      return ntohs(address.sin_port);
    }
  }
  throw std::runtime_error("no free port");
}

std::unique_ptr<RedisServer> RedisServer::Sentinel(const std::string& configuration,
                                                   std::vector<std::string> arguments) {
  return std::unique_ptr<RedisServer>(new RedisServer(configuration, std::move(arguments)));
}

RedisServer::RedisServer(const std::string& configuration, std::vector<std::string> arguments)
    : is_sentinel_(!configuration.empty()), arguments_(std::move(arguments)), folder_(MakeFolder()) {
  if (is_sentinel_) std::ofstream(folder_ / "sentinel.conf") << configuration;
  for (int attempt = 0; attempt < 10; ++attempt) {
    port_ = FreePort();  // Another process may take it before redis-server does.
    if (TryToStart({})) return;
  }
  throw std::runtime_error("redis-server does not start; see " + (folder_ / "log").string());
}

RedisServer::~RedisServer() {
  Kill();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

metrics::redis::RedisEndpoint RedisServer::endpoint() const {
  metrics::redis::RedisEndpoint endpoint;
  endpoint.port = port_;
  return endpoint;
}

Reply RedisServer::Command(std::initializer_list<std::string_view> words) {
  Reply reply;
  try {
    reply = Ask(connection_.get(), words);
  } catch (const std::runtime_error&) {
    connection_ = ConnectTo(unix_path());  // Sentinels close all connections when they change what a server is.
    reply = Ask(connection_.get(), words);
  }
  if (reply.type == Reply::Type::kError) throw std::runtime_error("redis-server: " + reply.text);
  return reply;
}

void RedisServer::Freeze() const { ::kill(pid_, SIGSTOP); }

void RedisServer::Thaw() const { ::kill(pid_, SIGCONT); }

void RedisServer::Kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
  connection_ = UniqueFd();
}

void RedisServer::Start(const std::vector<std::string>& more) {
  for (int attempt = 0; attempt < 50; ++attempt) {
    if (TryToStart(more)) return;
    std::this_thread::sleep_for(100ms);
  }
  throw std::runtime_error("redis-server does not start again; see " + (folder_ / "log").string());
}

bool RedisServer::TryToStart(const std::vector<std::string>& more) {
  std::vector<std::string> words{"redis-server",
                                 "--port",
                                 std::to_string(port_),
                                 "--bind",
                                 "127.0.0.1",
                                 "-::1",
                                 "--unixsocket",
                                 unix_path(),
                                 "--dir",
                                 folder_,
                                 "--save",
                                 "",
                                 "--appendonly",
                                 "no",
                                 "--logfile",
                                 folder_ / "log",
                                 "--enable-debug-command",
                                 "yes"};
  if (is_sentinel_) {
    words.insert(words.begin() + 1, folder_ / "sentinel.conf");
    words.emplace_back("--sentinel");
  }
  words.insert(words.end(), arguments_.begin(), arguments_.end());
  words.insert(words.end(), more.begin(), more.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::filesystem::remove(unix_path());
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {
    // Not to outlive a test that crashes.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  for (;;) {
    if (HasExited()) return false;
    if ((connection_ = ConnectTo(unix_path()))) {
      Ask(connection_.get(), {"PING"});
      return true;
    }
    std::this_thread::sleep_for(2ms);
  }
}

bool RedisServer::HasExited() {
  if (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == 0) return false;
  pid_ = -1;
  return true;
}

}  // namespace test
