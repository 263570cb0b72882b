#include "server/http/handshaker.h"

#include <new>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace server::http {
namespace {

Handshaker::Result Accept(SSL* session) {
  using Result = Handshaker::Result;
  ERR_clear_error();
  const int result = SSL_accept(session);
  if (result == 1) {
    return Result::kDone;
  }
  const int reason = SSL_get_error(session, result);
  if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE) {
    return Result::kWaitsForClient;
  }
  return ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST ? Result::kIsPlainHttp : Result::kFailed;
}

}  // namespace

void Handshaker::GoOn(std::uint64_t connection, const std::shared_ptr<Session>& session) {
  auto go_on = [this, connection, weak_session = std::weak_ptr(session)] {
    if (const auto held = weak_session.lock()) {
      try {
        report_(connection, Accept(held->ssl.get()));
      } catch (const std::bad_alloc&) {  // Of this one nothing is heard any more, until its deadline ends it.
      }
    }
  };
  const bool is_half_way = BIO_number_written(SSL_get_wbio(session->ssl.get())) > 0;
  is_half_way ? threads_.RunNext(std::move(go_on)) : threads_.Run(std::move(go_on));
}

}  // namespace server::http
