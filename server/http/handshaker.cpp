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

Handshaker::Handshaker(std::function<void(std::uint64_t connection, Result)> report) : report_(std::move(report)) {
  for (std::jthread& thread : threads_) {
    thread = std::jthread([this](const std::stop_token& stop) { Work(stop); });
  }
}

Handshaker::~Handshaker() {
  for (std::jthread& thread : threads_) {
    thread.request_stop();
  }
}

void Handshaker::GoOn(std::uint64_t connection, const std::shared_ptr<Session>& session) {
  const bool is_half_way = BIO_number_written(SSL_get_wbio(session->ssl.get())) > 0;
  {
    const std::lock_guard lock(mutex_);
    jobs_.insert(is_half_way ? jobs_.begin() : jobs_.end(), Job{connection, session});
  }
  available_.notify_one();
}

void Handshaker::Work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (available_.wait(lock, stop, [this] { return !jobs_.empty(); }) && !stop.stop_requested()) {
    const Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    if (const auto session = job.session.lock()) {
      try {
        report_(job.connection, Accept(session->ssl.get()));
      } catch (const std::bad_alloc&) {  // Of this one nothing is heard any more, until its deadline ends it.
      }
    }
    lock.lock();
  }
}

}  // namespace server::http
