#include "test/support/tls_server.h"

#include <array>
#include <csignal>
#include <cstdlib>

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

namespace test {
namespace {

template <typename Read>
auto FromPem(const std::string& pem, Read read) {
  const std::shared_ptr<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  return read(bio.get());
}

std::shared_ptr<SSL_CTX> MakeContext(const Certificate& certificate) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
  const std::shared_ptr<X509> own(
      FromPem(certificate.pem, [](BIO* bio) { return PEM_read_bio_X509(bio, nullptr, nullptr, nullptr); }), &X509_free);
  const std::shared_ptr<EVP_PKEY> key(
      FromPem(certificate.key_pem, [](BIO* bio) { return PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr); }),
      &EVP_PKEY_free);
  SSL_CTX_use_certificate(context.get(), own.get());
  SSL_CTX_use_PrivateKey(context.get(), key.get());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  return context;
}

}  // namespace

std::string TlsPeer::ReadRequest() {
  std::size_t length = std::string::npos;
  for (;;) {
    if (const std::size_t head = input_.find("\r\n\r\n"); head != std::string::npos) {
      const std::size_t declared = input_.find("Content-Length: ");
      const int body = declared < head ? std::atoi(input_.c_str() + declared + 16) : 0;
      length = head + 4 + static_cast<std::size_t>(body);
    }
    if (input_.size() >= length) {
      std::string request = input_.substr(0, length);
      input_.erase(0, length);
      return request;
    }
    std::array<char, 4096> buffer{};
    const int count = SSL_read(session_, buffer.data(), static_cast<int>(buffer.size()));
    if (count <= 0) {
      return "";
    }
    input_.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

bool TlsPeer::Write(std::string_view bytes) {
  return SSL_write(session_, bytes.data(), static_cast<int>(bytes.size())) > 0;
}

void TlsPeer::Answer(std::string_view body) {
  Write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
        "\r\n\r\n" + std::string(body));
}

std::string TlsPeer::client() const {
  const std::shared_ptr<X509> certificate(SSL_get1_peer_certificate(session_), &X509_free);
  std::array<char, 128> name{};
  if (certificate) {
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name.data(), name.size());
  }
  return name.data();
}

TlsServer::TlsServer(const Certificate& certificate, Script script)
    : script_(std::move(script)), context_(MakeContext(certificate)), listener_(socket(AF_INET, SOCK_STREAM, 0)) {
  std::signal(SIGPIPE, SIG_IGN);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* any = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_.get(), any, size) != 0 || listen(listener_.get(), 16) != 0 ||
      getsockname(listener_.get(), any, &size) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  accepting_ = std::thread([this] { Accept(); });
}

TlsServer::~TlsServer() {
  shutdown(listener_.get(), SHUT_RDWR);
  accepting_.join();
  for (Connection& connection : connections_) {
    shutdown(connection.fd.get(), SHUT_RDWR);
    connection.thread.join();
  }
}

void TlsServer::Accept() {
  for (;;) {
    server::http::UniqueFd fd(accept(listener_.get(), nullptr, nullptr));
    if (fd.get() < 0) {
      return;
    }
    ++accepted_;
    connections_.push_back({std::move(fd), {}});
    connections_.back().thread = std::thread([this, raw = connections_.back().fd.get()] { Serve(raw); });
  }
}

void TlsServer::Serve(int fd) const {
  const std::shared_ptr<SSL> session(SSL_new(context_.get()), &SSL_free);
  SSL_set_fd(session.get(), fd);
  if (SSL_accept(session.get()) == 1) {
    TlsPeer peer(session.get());
    script_(peer);
    SSL_shutdown(session.get());
  }
  shutdown(fd, SHUT_RDWR);
}

}  // namespace test
