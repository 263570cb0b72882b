// Notices that what is in use has changed at its origin: certificates, the configuration.
#pragma once

#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

namespace server {

/// Looks once a second: reading a few small files costs less than being clever about how a Kubernetes volume (a
/// `..data` symlink that is swapped), cert-manager or an editor replaces them. What cannot be used leaves what is in
/// use alone.
template <typename Content>
class Follower {
 public:
  struct Hooks {
    /// Reads the content as it is now. Throws std::exception if it cannot.
    std::function<Content()> load;
    /// Takes new content into use. Throws std::exception if that is not possible; it is tried again with the next look.
    std::function<void(const Content&)> use;
    /// The content is bad, or, without a problem, is in use again as it is; called once for each change.
    std::function<void(const std::optional<std::string>& problem)> report;
    std::chrono::milliseconds interval{1'000};
  };

  /// `current` is in use already. The hooks are called from a thread of this object.
  Follower(Content current, Hooks hooks)
      : hooks_(std::move(hooks)),
        current_(std::move(current)),
        thread_([this](const std::stop_token& stop) { Run(stop); }) {}
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;
  ~Follower() = default;

  /// What is in use. Any thread.
  Content Current() const {
    const std::lock_guard lock(mutex_);
    return current_;
  }

  /// Why the content is not in use as it is now; nothing when it is. Any thread.
  std::optional<std::string> Problem() const {
    const std::lock_guard lock(mutex_);
    return problem_;
  }

 private:
  void Run(const std::stop_token& stop) {
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

  void Look() {
    try {
      Content found = hooks_.load();
      if (found != current_) {
        hooks_.use(found);
        const std::lock_guard lock(mutex_);
        current_ = std::move(found);
      }
      SetProblem(std::nullopt);
    } catch (const std::exception& error) {
      SetProblem(error.what());
    }
  }

  void SetProblem(std::optional<std::string> problem) {
    {
      const std::lock_guard lock(mutex_);
      if (problem == problem_) {
        return;
      }
      problem_ = problem;
    }
    hooks_.report(problem);
  }

  const Hooks hooks_;

  mutable std::mutex mutex_;
  std::condition_variable_any stopping_;
  Content current_;                     // Guarded by mutex_; written by the thread only.
  std::optional<std::string> problem_;  // Guarded by mutex_.

  std::jthread thread_;  // Last, so that it ends first.
};

}  // namespace server
