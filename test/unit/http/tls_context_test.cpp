#include "server/http/tls_context.h"

#include <array>
#include <memory>

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "server/http/unique_fd.h"
#include "test/support/catch.h"
#include "test/support/certificates.h"

namespace server::http {
namespace {

using Session = std::shared_ptr<SSL>;
using Ticket = std::shared_ptr<SSL_SESSION>;

std::shared_ptr<X509> ParseCertificate(const test::Certificate& certificate) {
  const auto* data = reinterpret_cast<const unsigned char*>(certificate.der.data());
  return {d2i_X509(nullptr, &data, static_cast<long>(certificate.der.size())), &X509_free};
}

/// A client of one TLS version that shows `chain`.
std::shared_ptr<SSL_CTX> ClientContext(int version, const std::vector<test::Certificate>& chain) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
  SSL_CTX_set_min_proto_version(context.get(), version);
  SSL_CTX_set_max_proto_version(context.get(), version);
  if (!chain.empty()) {
    const std::string& pem = chain.front().key_pem;
    const std::shared_ptr<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
    const std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), &EVP_PKEY_free);
    SSL_CTX_use_certificate(context.get(), ParseCertificate(chain.front()).get());
    SSL_CTX_use_PrivateKey(context.get(), key.get());
    for (std::size_t i = 1; i < chain.size(); ++i) {
      SSL_CTX_add1_chain_cert(context.get(), ParseCertificate(chain[i]).get());
    }
  }
  return context;
}

struct Visit {
  bool resumed;
  std::shared_ptr<const PresentedCertificates> presented;
  Ticket ticket;  // For the next one.
};

/// One handshake, after which the client has read what the server sent.
Visit MakeVisit(const TlsContext& server, SSL_CTX* client_context, SSL_SESSION* ticket) {
  std::array<int, 2> ends{};
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) == 0);
  const UniqueFd server_end(ends[0]);
  const UniqueFd client_end(ends[1]);
  const Session accepting(server.NewSession(server_end.get()), &SSL_free);
  const Session connecting(SSL_new(client_context), &SSL_free);
  SSL_set_fd(connecting.get(), client_end.get());
  SSL_set_connect_state(connecting.get());
  if (ticket != nullptr) {
    SSL_set_session(connecting.get(), ticket);
  }
  for (int i = 0; i < 20; ++i) {
    SSL_do_handshake(connecting.get());
    SSL_do_handshake(accepting.get());
  }
  REQUIRE(SSL_is_init_finished(connecting.get()) == 1);
  REQUIRE(SSL_is_init_finished(accepting.get()) == 1);
  char byte = 0;
  SSL_read(connecting.get(), &byte, 1);
  SSL_shutdown(connecting.get());
  return {SSL_session_reused(accepting.get()) == 1, TlsContext::Presented(accepting.get()),
          Ticket(SSL_get1_session(connecting.get()), &SSL_SESSION_free)};
}

TlsContext Server() {
  const test::Authority ca("serving-ca");
  const auto certificate =
      ca.Issue({.common_name = "server", .organizations = {}, .uids = {}, .key_usages_extended = {}, .names = {}});
  return TlsContext({.certificate_chain = certificate.pem,
                     .private_key = certificate.key_pem,
                     .client_ca = {},
                     .source = "test",
                     .ask_for_client_certificate = true});
}

TEST_CASE("what a client shows is kept whole, also when it resumes a session, and once more after that") {
  const test::Authority root("root");
  const test::Authority intermediate = root.IssueAuthority("intermediate");
  const test::Authority lower = intermediate.IssueAuthority("lower");
  const auto leaf = lower.Issue(
      {.common_name = "jane", .organizations = {}, .uids = {}, .key_usages_extended = "clientAuth", .names = {}});
  const std::vector<test::Certificate> chain =
      GENERATE_COPY(std::vector{leaf, lower.certificate(), intermediate.certificate()}, std::vector{leaf});
  std::vector<std::string> der;
  for (const auto& certificate : chain) {
    der.push_back(certificate.der);
  }
  const int version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
  const TlsContext server = Server();
  const auto client = ClientContext(version, chain);
  Ticket ticket;
  for (int visit = 0; visit < 3; ++visit) {
    INFO(visit);
    const Visit made = MakeVisit(server, client.get(), ticket.get());
    CHECK(made.resumed == (visit > 0));
    REQUIRE(made.presented);
    CHECK(made.presented->der() == der);
    ticket = made.ticket;
  }
}

TEST_CASE("a client may show nothing") {
  const TlsContext server = Server();
  const auto client = ClientContext(TLS1_3_VERSION, {});
  const Visit first = MakeVisit(server, client.get(), nullptr);
  CHECK_FALSE(first.presented);
  const Visit second = MakeVisit(server, client.get(), first.ticket.get());
  CHECK(second.resumed);
  CHECK_FALSE(second.presented);
}

}  // namespace
}  // namespace server::http
