#include "metrics/redis/tls_session.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "metrics/go_quote.h"

namespace metrics::redis {
namespace {

using Context = std::unique_ptr<SSL_CTX, decltype([](SSL_CTX* context) { SSL_CTX_free(context); })>;

/// The first reason in OpenSSL's error queue of this thread.
std::string Reason() {
  const unsigned long code = ERR_peek_error();  // NOLINT(google-runtime-int): OpenSSL's type
  if (ERR_SYSTEM_ERROR(code)) return std::generic_category().message(ERR_GET_REASON(code));
  const char* const reason = ERR_reason_error_string(code);
  return reason == nullptr ? "no reason given" : reason;
}

/// Throws the TlsError that says why OpenSSL failed.
void Require(bool succeeded, const std::string& what) {
  if (!succeeded) throw TlsError("cannot be asked over TLS: " + what + ": " + Reason());
}

bool IsAddress(const std::string& host) {
  in6_addr address{};
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1 || ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

std::string KeyPasswordFrom(const std::string& file) {
  std::ifstream stream(file);
  std::string password;
  if (!std::getline(stream, password) && !stream.eof()) {
    throw TlsError("cannot be asked over TLS: the key password file " + GoQuote(file) + ": " +
                   std::generic_category().message(errno));
  }
  if (password.ends_with('\r')) password.pop_back();
  return password;
}

/// Gives OpenSSL the password of a key. Without one, nobody is there to be asked for it.
int TellPassword(char* buffer, int size, int /*encrypts*/, void* of_key) {
  const std::string& password = *static_cast<const std::string*>(of_key);
  if (password.size() > static_cast<std::size_t>(size)) return 0;
  std::copy(password.begin(), password.end(), buffer);
  return static_cast<int>(password.size());
}

Context MakeContext(const TlsOptions& options) {
  Context context(SSL_CTX_new(TLS_client_method()));
  Require(context != nullptr, "no context");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  const bool verify = options.verify != TlsOptions::Verify::kNothing;
  SSL_CTX_set_verify(context.get(), verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (options.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context.get());
  } else {
    Require(SSL_CTX_load_verify_file(context.get(), options.ca_file.c_str()) == 1,
            "the CA file " + GoQuote(options.ca_file));
  }
  if (!options.certificate_file.empty()) {
    Require(SSL_CTX_use_certificate_chain_file(context.get(), options.certificate_file.c_str()) == 1,
            "the certificate file " + GoQuote(options.certificate_file));
    std::string password;
    if (!options.key_password_file.empty()) password = KeyPasswordFrom(options.key_password_file);
    SSL_CTX_set_default_passwd_cb(context.get(), &TellPassword);
    SSL_CTX_set_default_passwd_cb_userdata(context.get(), &password);
    const bool has_key = SSL_CTX_use_PrivateKey_file(context.get(), options.key_file.c_str(), SSL_FILETYPE_PEM) == 1;
    SSL_CTX_set_default_passwd_cb_userdata(context.get(), nullptr);
    OPENSSL_cleanse(password.data(), password.size());
    Require(has_key, "the key file " + GoQuote(options.key_file));
  }
  return context;
}

/// What SSL_set_tlsext_host_name does, which is a macro with a cast that warns.
bool SendName(SSL* session, std::string name) {
  return SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data()) == 1;
}

bool ExpectName(SSL* session, const std::string& name) {
  return IsAddress(name) ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), name.c_str()) == 1
                         : SSL_set1_host(session, name.c_str()) == 1;
}

/// Whether TLS can begin with `byte`: a handshake, or an alert.
bool IsTls(char byte) { return byte == '\x16' || byte == '\x15'; }

}  // namespace

TlsSession::TlsSession(const TlsOptions& options, const std::string& host)
    : expected_name_(options.server_name.empty() ? host : options.server_name) {
  ERR_clear_error();
  session_.reset(SSL_new(MakeContext(options).get()));
  Require(session_ != nullptr, "no session");
  if (!IsAddress(expected_name_)) Require(SendName(session_.get(), expected_name_), "the server's name");
  if (options.verify == TlsOptions::Verify::kChainAndName) {
    Require(ExpectName(session_.get(), expected_name_), "the server's name");
  }
  BIO* const input = BIO_new(BIO_s_mem());
  BIO* const output = BIO_new(BIO_s_mem());
  SSL_set_bio(session_.get(), input, output);  // Owns both; takes null, with which nothing works.
  Require(input != nullptr && output != nullptr, "no memory");
  SSL_set_connect_state(session_.get());
  ShakeHands();
}

void TlsSession::Free::operator()(ssl_st* session) const noexcept { SSL_free(session); }

void TlsSession::Receive(std::string_view bytes, std::string& plain) {
  if (!std::exchange(heard_, true) && !IsTls(bytes.front())) throw TlsError("answered in plain text, not in TLS");
  ERR_clear_error();
  Require(BIO_write(SSL_get_rbio(session_.get()), bytes.data(), static_cast<int>(bytes.size())) ==
              static_cast<int>(bytes.size()),
          "no memory");
  if (!established_) ShakeHands();
  if (!established_) return;
  std::array<char, 16384> buffer;  // As large as a record.
  for (;;) {
    const int size = SSL_read(session_.get(), buffer.data(), buffer.size());
    if (size > 0) {
      plain.append(buffer.data(), static_cast<std::size_t>(size));
      continue;
    }
    const int error = SSL_get_error(session_.get(), size);
    // After the server's goodbye the connection ends, which its owner sees.
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_ZERO_RETURN) return;
    // A server that wants a certificate says so only now in TLS 1.3.
    throw TlsError("ended the TLS session: " + Reason());
  }
}

void TlsSession::ShakeHands() {
  const int result = SSL_do_handshake(session_.get());
  if (result == 1) {
    established_ = true;
    return;
  }
  if (SSL_get_error(session_.get(), result) == SSL_ERROR_WANT_READ) return;
  switch (const long verdict = SSL_get_verify_result(session_.get())) {  // NOLINT(google-runtime-int): OpenSSL's type
    case X509_V_OK:
      throw TlsError("refused the TLS handshake: " + Reason());
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      throw TlsError("has a certificate that is not for " + GoQuote(expected_name_));
    default:
      throw TlsError(std::string("has a certificate that is not trusted: ") + X509_verify_cert_error_string(verdict));
  }
}

void TlsSession::Send(std::string_view plain) {
  ERR_clear_error();
  std::size_t written = 0;
  // Never short, for the output has room for everything. A session that is broken is for Receive() to tell.
  SSL_write_ex(session_.get(), plain.data(), plain.size(), &written);
}

std::string TlsSession::TakeOutput() {
  BIO* const output = SSL_get_wbio(session_.get());
  char* data = nullptr;
  const auto size = BIO_get_mem_data(output, &data);
  std::string bytes(data, static_cast<std::size_t>(size));
  BIO_reset(output);
  return bytes;
}

}  // namespace metrics::redis
