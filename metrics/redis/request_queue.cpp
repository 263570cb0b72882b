#include "metrics/redis/request_queue.h"

#include <algorithm>
#include <utility>

namespace metrics::redis {

RequestQueue::RequestQueue(std::string subject, Clock::duration patience)
    : subject_(std::move(subject)), patience_(patience) {}

bool RequestQueue::HasRoomFor(const Batch& batch, std::size_t others) const {
  return memory_ + others == 0 || memory_ + others + MemoryFor(batch) <= kMostMemory;
}

void RequestQueue::Wait(Request request) { Add(waiting_, std::move(request)); }

const std::string& RequestQueue::Dispatch(Request request, Clock::time_point now) {
  if (in_flight_.empty()) silent_since_ = now;
  return Add(in_flight_, std::move(request)).request.batch.bytes();
}

std::string RequestQueue::DispatchWaiting(Clock::time_point now) {
  std::string bytes;
  if (in_flight_.empty()) silent_since_ = now;
  for (; !waiting_.empty(); waiting_.pop_front()) {
    bytes += waiting_.front().request.batch.bytes();
    in_flight_.push_back(std::move(waiting_.front()));
  }
  return bytes;
}

void RequestQueue::Take(Reply reply, Clock::time_point now, std::vector<Settled>& settled) {
  if (in_flight_.empty()) throw ProtocolError("what nobody asked for");
  silent_since_ = now;
  Entry& oldest = in_flight_.front();
  if (oldest.request.callback) oldest.replies.push_back(std::move(reply));
  if (--oldest.owed > 0) return;
  Settle(oldest, oldest.request.batch.Unwrap(std::move(oldest.replies)), settled);
  memory_ -= MemoryFor(oldest.request.batch);
  in_flight_.pop_front();
}

void RequestQueue::Expire(Clock::time_point now, std::vector<Settled>& settled) {
  const auto expire = [&](Entry& entry, const char* what) {
    const Request& request = entry.request;
    if (!request.callback || request.deadline > now) return;
    const auto allowed = std::chrono::round<std::chrono::milliseconds>(request.deadline - request.started);
    const std::string text = subject_ + what + " within " + std::to_string(allowed.count()) + " ms";
    Settle(entry, Failure{UnavailableKind::kTimeout, text}, settled);
  };
  for (Entry& entry : in_flight_) expire(entry, " did not answer");
  for (Entry& entry : waiting_) expire(entry, " could not be connected");
  const auto expired = std::erase_if(waiting_, [](const Entry& entry) { return !entry.request.callback; });
  memory_ -= expired * sizeof(Entry);
}

void RequestQueue::Lose(const Failure& why, std::vector<Settled>& settled) {
  const bool is_too_large = why.kind == UnavailableKind::kTooLarge;
  for (Entry& entry : in_flight_) {
    const bool is_cause = (why.kind == UnavailableKind::kProtocol || is_too_large) && &entry == &in_flight_.front();
    if (is_cause || (entry.is_repeated && !is_too_large)) {
      Settle(entry, why, settled);
    } else if (entry.request.callback) {
      Entry& repeated = waiting_.emplace_back();  // Before anything is taken from the other, so that nothing is lost.
      repeated.owed = entry.request.batch.raw_size();
      repeated.is_repeated = entry.is_repeated || !is_too_large;
      repeated.request = std::exchange(entry.request, {});
      memory_ += sizeof(Entry);
    }
  }
  Forget(in_flight_);
}

void RequestQueue::FailWaiting(const Failure& why, std::vector<Settled>& settled) {
  for (Entry& entry : waiting_) Settle(entry, why, settled);
  Forget(waiting_);
}

void RequestQueue::FailAll(const Failure& why, std::vector<Settled>& settled) {
  FailWaiting(why, settled);
  for (Entry& entry : in_flight_) Settle(entry, why, settled);
  Forget(in_flight_);
}

RequestQueue::Entry& RequestQueue::Add(std::deque<Entry>& entries, Request request) {
  const std::size_t memory = MemoryFor(request.batch);
  Entry& added = entries.emplace_back(Entry{.request = std::move(request)});
  memory_ += memory;
  return added;
}

bool RequestQueue::IsStalled(Clock::time_point now) const {
  return !in_flight_.empty() && now >= silent_since_ + patience_;
}

RequestQueue::Clock::time_point RequestQueue::NextEvent() const {
  auto next = in_flight_.empty() ? Clock::time_point::max() : silent_since_ + patience_;
  for (const auto* entries : {&in_flight_, &waiting_}) {
    for (const Entry& entry : *entries) {
      if (entry.request.callback) next = std::min(next, entry.request.deadline);
    }
  }
  return next;
}

void RequestQueue::Settle(Entry& entry, Result result, std::vector<Settled>& settled) {
  Request& request = entry.request;
  if (!request.callback) return;
  Settled& over = settled.emplace_back();  // If there is no memory for it, the request is still there.
  over.callback = std::move(request.callback);
  over.result = std::move(result);
  over.started = request.started;
  request.callback = nullptr;  // A moved-from function may be anything.
  memory_ -= MemoryFor(request.batch);
  request.batch = {};
  entry.replies = {};
  memory_ += MemoryFor(request.batch);
}

void RequestQueue::Forget(std::deque<Entry>& entries) {
  for (const Entry& entry : entries) memory_ -= MemoryFor(entry.request.batch);
  entries.clear();
}

}  // namespace metrics::redis
