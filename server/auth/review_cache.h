// Answers of kube-apiserver, kept for a moment: bounded, and equal questions at the same time are asked once.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "server/auth/waiting_room.h"
#include "server/http/keyed_hash.h"

namespace server::auth {

using SteadyClock = std::function<std::chrono::steady_clock::time_point()>;

/// `Answer` is copyable; its Lasting() says whether it may be kept. Safe to use from several threads at once.
template <typename Answer>
class ReviewCache {
 public:
  using Key = http::KeyedHash::Digest;

  static constexpr std::size_t kEntries = 8192;
  static constexpr std::chrono::seconds kLifetime{10};

  /// `room` must outlive the cache.
  ReviewCache(WaitingRoom& room, SteadyClock clock) : room_(room), clock_(std::move(clock)) {}

  /// The answer kept, if there is one.
  std::optional<Answer> Kept(const Key& key) {
    const std::lock_guard lock(mutex_);
    const Answer* kept = Find(key);
    return kept == nullptr ? std::nullopt : std::optional(*kept);
  }

  /// The answer kept, or else what `ask` returns, here or in a thread that asked the same before. `ask` must not throw.
  /// Nothing if it would have to wait and there is no seat.
  template <typename Ask>
  std::optional<Answer> Get(const Key& key, bool stranger, Ask ask) {
    std::unique_lock lock(mutex_);
    if (const Answer* kept = Find(key)) {
      return *kept;
    }
    const auto seat = room_.Enter(stranger);
    if (!seat) {
      return std::nullopt;
    }
    if (const auto found = questions_.find(key); found != questions_.end()) {
      const std::shared_ptr<const Question> question = found->second;
      answered_.wait(lock, [&] { return question->answer.has_value(); });
      return question->answer;
    }
    const auto question = std::make_shared<Question>();
    questions_.emplace(key, question);
    lock.unlock();
    Answer answer = ask();
    lock.lock();
    question->answer = answer;
    questions_.erase(key);
    if (answer.Lasting()) {
      Keep(key, answer);
    }
    answered_.notify_all();
    return answer;
  }

 private:
  struct Question {
    std::optional<Answer> answer;
  };
  struct Entry {
    Key key;
    Answer answer;
    std::chrono::steady_clock::time_point end;
  };
  struct Hash {
    /// Any eight bytes of a digest are as good as a hash of it.
    std::size_t operator()(const Key& key) const {
      std::size_t hash = 0;
      std::memcpy(&hash, key.data(), sizeof(hash));
      return hash;
    }
  };

  const Answer* Find(const Key& key) {
    const auto found = index_.find(key);
    if (found == index_.end()) {
      return nullptr;
    }
    if (found->second->end <= clock_()) {
      entries_.erase(found->second);
      index_.erase(found);
      return nullptr;
    }
    entries_.splice(entries_.begin(), entries_, found->second);
    return &entries_.front().answer;
  }

  void Keep(const Key& key, const Answer& answer) {
    entries_.push_front({key, answer, clock_() + kLifetime});
    index_.insert_or_assign(key, entries_.begin());
    if (entries_.size() > kEntries) {
      index_.erase(entries_.back().key);
      entries_.pop_back();
    }
  }

  WaitingRoom& room_;
  const SteadyClock clock_;

  std::mutex mutex_;
  std::condition_variable answered_;
  // Guarded by mutex_.
  std::list<Entry> entries_;  // The one used last is first.
  std::unordered_map<Key, typename std::list<Entry>::iterator, Hash> index_;
  std::map<Key, std::shared_ptr<Question>> questions_;
};

}  // namespace server::auth
