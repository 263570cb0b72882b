#include "server/http/tls_context.h"

#include <vector>

#include "server/http/pem.h"

namespace server::http {
namespace {

// Four certificates with RSA keys of 4096 bits take half of it; more is a way to fill the memory of a stranger.
constexpr long kMaxClientChain = 16 * 1024;  // NOLINT(google-runtime-int): OpenSSL's type

/// Go on whatever the verdict: it is kept, and VerifiedClient asks for it.
int KeepVerdict(int /*verified*/, X509_STORE_CTX* /*store*/) { return 1; }

void TrustClientCa(SSL_CTX* context, const std::string& client_ca) {
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (const UniqueCertificate& certificate :
       ReadCertificates(client_ca, "the bundle of client CAs (--client-ca-file)")) {
    if (X509_STORE_add_cert(store, certificate.get()) != 1 || SSL_CTX_add_client_CA(context, certificate.get()) != 1) {
      throw OpensslError("the client CA bundle cannot be used");
    }
  }
}

std::string ToDer(const X509* certificate) {
  unsigned char* data = nullptr;
  const int size = i2d_X509(certificate, &data);
  if (size < 0) {
    throw OpensslError("cannot encode a certificate");
  }
  const std::unique_ptr<unsigned char, decltype([](unsigned char* memory) { OPENSSL_free(memory); })> owner(data);
  return {reinterpret_cast<const char*>(data), static_cast<std::size_t>(size)};
}

/// A session ticket keeps the client's own certificate but not the ones between it and the CA; without them a resumed
/// session would prove less than the first one did. They travel in the ticket as application data, DER after DER.
int KeepIntermediates(SSL* session, void* /*unused*/) try {
  const STACK_OF(X509)* chain = SSL_get_peer_cert_chain(session);
  std::string intermediates;
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    intermediates += ToDer(sk_X509_value(chain, i));
  }
  // A resumed session has no chain here; its successor inherits the data.
  return intermediates.empty() ||
         SSL_SESSION_set1_ticket_appdata(SSL_get_session(session), intermediates.data(), intermediates.size()) == 1;
} catch (const std::exception&) {
  return 0;  // Out of memory; no exception may cross OpenSSL. This handshake fails.
}

std::vector<std::string> Intermediates(const SSL* session) {
  std::vector<std::string> intermediates;
  const STACK_OF(X509)* chain = SSL_get_peer_cert_chain(session);
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    intermediates.push_back(ToDer(sk_X509_value(chain, i)));
  }
  void* data = nullptr;
  std::size_t size = 0;
  if (intermediates.empty() && SSL_SESSION_get0_ticket_appdata(SSL_get_session(session), &data, &size) == 1) {
    const auto* position = static_cast<const unsigned char*>(data);
    const unsigned char* end = position + size;
    while (const UniqueCertificate certificate{d2i_X509(nullptr, &position, end - position)}) {
      intermediates.push_back(ToDer(certificate.get()));
    }
    ERR_clear_error();
  }
  return intermediates;
}

std::chrono::system_clock::time_point NotAfter(const X509* certificate) {
  const auto end = TimeFrom(X509_get0_notAfter(certificate));
  if (!end) {
    throw OpensslError("the certificate's end of validity cannot be read");
  }
  return *end;
}

}  // namespace

TlsContext::TlsContext(const TlsMaterial& material) : context_(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free) {
  SSL_CTX* context = context_.get();
  if (context == nullptr) {
    throw OpensslError("cannot make a TLS context");
  }
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  if (SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1) {
    throw OpensslError("cannot set the cipher suites");
  }
  // Buffers are given back when they are empty, and a write may be tried again from another place of memory.
  SSL_CTX_set_mode(context,
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);  // One read() for a request instead of one for each record's header and body.
  // Resumption by tickets alone: nothing is kept here for a client that may never come back.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 1);
  constexpr unsigned char kSessionContext[] = "queue-metrics-server";
  SSL_CTX_set_session_id_context(context, kSessionContext, sizeof(kSessionContext) - 1);
  UseCertificate(context, material.certificate_chain, material.private_key, material.source);
  if (!material.client_ca.empty()) {
    TrustClientCa(context, material.client_ca);
  }
  if (material.ask_for_client_certificate || !material.client_ca.empty()) {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, &KeepVerdict);
    SSL_CTX_set_max_cert_list(context, kMaxClientChain);
    SSL_CTX_set_session_ticket_cb(context, &KeepIntermediates, nullptr, nullptr);
  }
  not_after_ = NotAfter(SSL_CTX_get0_certificate(context));
}

ssl_st* TlsContext::NewSession(int fd) const {
  UniqueSsl session(SSL_new(context_.get()));
  if (!session || SSL_set_fd(session.get(), fd) != 1) {
    throw OpensslError("cannot start a TLS session");
  }
  SSL_set_accept_state(session.get());
  return session.release();
}

std::optional<ClientCertificate> TlsContext::VerifiedClient(ssl_st* session) {
  const X509* certificate = SSL_get0_peer_certificate(session);
  // A resumed session brings the verdict of the first one, which time may have overtaken.
  if (certificate == nullptr || SSL_get_verify_result(session) != X509_V_OK ||
      X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0) {
    return std::nullopt;
  }
  const X509_NAME* subject = X509_get_subject_name(certificate);
  auto common_names = NameEntries(subject, OBJ_nid2obj(NID_commonName));
  ClientCertificate client;
  client.common_name = common_names.empty() ? std::string() : std::move(common_names.back());
  client.organizations = NameEntries(subject, OBJ_nid2obj(NID_organizationName));
  client.not_after = NotAfter(certificate);
  return client;
}

std::shared_ptr<const PresentedCertificates> TlsContext::Presented(ssl_st* session) {
  const X509* certificate = SSL_get0_peer_certificate(session);
  if (certificate == nullptr) {
    return nullptr;
  }
  std::vector<std::string> chain = Intermediates(session);
  chain.insert(chain.begin(), ToDer(certificate));
  return std::make_shared<const PresentedCertificates>(std::move(chain));
}

}  // namespace server::http
