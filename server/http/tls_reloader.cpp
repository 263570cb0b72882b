#include "server/http/tls_reloader.h"

#include <exception>
#include <utility>

namespace server::http {

TlsReloader::TlsReloader(TlsMaterial current, Hooks hooks)
    : hooks_(std::move(hooks)),
      current_(std::move(current)),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

TlsReloader::~TlsReloader() = default;

bool TlsReloader::Uses(std::string_view certificate_chain) const {
  const std::lock_guard lock(mutex_);
  return current_.certificate_chain == certificate_chain;
}

std::optional<std::string> TlsReloader::Problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

void TlsReloader::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      stopping_.wait_for(lock, stop, hooks_.interval, [] { return false; });
    }
    if (!stop.stop_requested()) {
      Look();
    }
  }
}

void TlsReloader::Look() {
  try {
    TlsMaterial found = hooks_.load();
    if (found != current_) {
      hooks_.use(std::make_shared<const TlsContext>(found));
      const std::lock_guard lock(mutex_);
      current_ = std::move(found);
    }
    SetProblem(std::nullopt);
  } catch (const std::exception& error) {
    SetProblem(error.what());
  }
}

void TlsReloader::SetProblem(std::optional<std::string> problem) {
  {
    const std::lock_guard lock(mutex_);
    if (problem == problem_) {
      return;
    }
    problem_ = problem;
  }
  if (problem) {
    hooks_.report(*problem);
  }
}

}  // namespace server::http
