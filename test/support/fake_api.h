// A kube-apiserver in memory: it answers as its test tells it to.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/kube/api.h"

namespace test {

/// Safe to use from several threads at once.
class FakeApi final : public server::kube::Api {
 public:
  using Answer = std::function<server::kube::ApiResponse(const server::kube::ApiRequest&)>;

  /// Answers every call that is not a watch; may throw ApiError.
  explicit FakeApi(Answer answer) : answer_(std::move(answer)) {}

  server::kube::ApiResponse Send(const server::kube::ApiRequest& request, server::kube::Deadline /*deadline*/,
                                 const std::stop_token& /*stop*/) override {
    Answer answer;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
      answer = answer_;
    }
    return answer(request);
  }

  /// Hands out the lines of SendEvent() until EndWatch() or the request to stop.
  void Stream(const std::string& path, const std::function<bool(std::string_view line)>& on_line,
              server::kube::Deadline deadline, const std::stop_token& stop) override {
    std::unique_lock lock(mutex_);
    requests_.push_back({.method = "GET", .path = path, .body = {}});
    ++watches_;
    changed_.notify_all();
    for (;;) {
      if (!changed_.wait_until(lock, stop, deadline, [this] { return !events_.empty(); })) {
        throw server::kube::ApiError(server::kube::ApiError::Kind::kStopped, "stopped");
      }
      const auto event = std::move(events_.front());
      events_.erase(events_.begin());
      lock.unlock();
      const bool more = event && on_line(*event);
      lock.lock();
      if (!more) {
        --watches_;
        return;
      }
    }
  }

  void SetAnswer(Answer answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }

  /// Waits until somebody watches.
  void SendEvent(std::string line) { Push(std::move(line)); }
  void EndWatch() { Push(std::nullopt); }

  std::vector<server::kube::ApiRequest> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void Push(std::optional<std::string> event) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return watches_ > 0; });
    events_.push_back(std::move(event));
    changed_.notify_all();
  }

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  // Guarded by mutex_.
  Answer answer_;
  std::vector<server::kube::ApiRequest> requests_;
  std::vector<std::optional<std::string>> events_;
  int watches_ = 0;
};

}  // namespace test
