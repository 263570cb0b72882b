#include "server/stderr_sink.h"

#include <cerrno>
#include <climits>
#include <utility>

#include <poll.h>
#include <unistd.h>

namespace server {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostKept = std::size_t{1} << 20U;
constexpr std::chrono::milliseconds kPatienceAtTheEnd{1'000};

/// Whether PIPE_BUF bytes can be written without blocking (poll(2), pipe(7)).
bool IsReady(std::chrono::milliseconds wait) {
  pollfd standard_error{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  return poll(&standard_error, 1, static_cast<int>(wait.count())) > 0;
}

/// The bytes that need not be written again. Those of a broken standard error do not: there is nobody to tell.
std::size_t WriteSome(std::string_view bytes) {
  const ssize_t written = write(STDERR_FILENO, bytes.data(), bytes.size());
  if (written >= 0) {
    return static_cast<std::size_t>(written);
  }
  return errno == EAGAIN || errno == EINTR ? 0 : bytes.size();
}

}  // namespace

StderrSink::~StderrSink() {
  // Joined here, while all that it uses is there.
  writer_ = {};
}

void StderrSink::sink_it_(const spdlog::details::log_msg& message) {
  spdlog::memory_buf_t formatted;
  formatter_->format(message, formatted);
  std::string_view line(formatted.data(), formatted.size());
  if (kept_.empty() && line.size() <= PIPE_BUF && IsReady(std::chrono::milliseconds(0))) {
    line.remove_prefix(WriteSome(line));
    if (line.empty()) {
      return;
    }
  }
  if (kept_.size() + line.size() > kMostKept) {
    ++dropped_;
    return;
  }
  kept_ += line;
  if (!writer_.joinable()) {
    writer_ = std::jthread([this](const std::stop_token& stop) { Drain(stop); });
  }
  more_.notify_one();
}

void StderrSink::Drain(const std::stop_token& stop) {
  constexpr std::chrono::milliseconds kTurn{100};
  std::unique_lock lock(mutex_);
  Clock::time_point end = Clock::time_point::max();
  while (more_.wait(lock, stop, [this] { return !kept_.empty(); }) && Clock::now() < end) {
    lock.unlock();
    const bool ready = IsReady(kTurn);
    lock.lock();
    if (stop.stop_requested() && end == Clock::time_point::max()) {
      end = Clock::now() + kPatienceAtTheEnd;
    }
    if (ready) {
      kept_.erase(0, WriteSome(std::string_view(kept_).substr(0, PIPE_BUF)));
    }
    if (kept_.empty() && dropped_ > 0 && !stop.stop_requested()) {
      const std::uint64_t dropped = std::exchange(dropped_, 0);
      lock.unlock();
      on_dropped_(dropped);
      lock.lock();
    }
  }
}

}  // namespace server
