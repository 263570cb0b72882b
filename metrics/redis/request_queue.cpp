#include "metrics/redis/request_queue.h"

#include <algorithm>
#include <utility>

namespace metrics::redis {

RequestQueue::RequestQueue(std::string subject, Clock::duration patience)
    : subject_(std::move(subject)), patience_(patience) {}

void RequestQueue::Wait(Request request) { waiting_.push_back({.request = std::move(request)}); }

const std::string& RequestQueue::Dispatch(Request request, Clock::time_point now) {
  return Dispatch(Entry{.request = std::move(request)}, now);
}

const std::string& RequestQueue::Dispatch(Entry entry, Clock::time_point now) {
  if (in_flight_.empty()) silent_since_ = now;
  entry.replies.reserve(entry.request.batch.raw_size());
  in_flight_.push_back(std::move(entry));
  return in_flight_.back().request.batch.bytes();
}

std::string RequestQueue::DispatchWaiting(Clock::time_point now) {
  std::string bytes;
  for (Entry& entry : waiting_) bytes += Dispatch(std::move(entry), now);
  waiting_.clear();
  return bytes;
}

void RequestQueue::Take(Reply reply, Clock::time_point now, std::vector<Settled>& settled) {
  if (in_flight_.empty()) throw ProtocolError("what nobody asked for");
  silent_since_ = now;
  Entry& oldest = in_flight_.front();
  oldest.replies.push_back(std::move(reply));
  const Batch& batch = oldest.request.batch;
  if (oldest.replies.size() < batch.raw_size()) return;
  Settle(oldest.request, batch.Unwrap(std::move(oldest.replies)), settled);
  in_flight_.pop_front();
}

void RequestQueue::Expire(Clock::time_point now, std::vector<Settled>& settled) {
  const auto expire = [&](Entry& entry, const char* what) {
    Request& request = entry.request;
    if (!request.callback || request.deadline > now) return;
    const auto allowed = std::chrono::round<std::chrono::milliseconds>(request.deadline - request.started);
    const std::string text = subject_ + what + " within " + std::to_string(allowed.count()) + " ms";
    Settle(request, Failure{UnavailableKind::kTimeout, text}, settled);
  };
  for (Entry& entry : in_flight_) expire(entry, " did not answer");
  for (Entry& entry : waiting_) expire(entry, " could not be connected");
  std::erase_if(waiting_, [](const Entry& entry) { return !entry.request.callback; });
}

void RequestQueue::Lose(const Failure& why, std::vector<Settled>& settled) {
  for (Entry& entry : in_flight_) {
    const bool is_cause = why.kind == UnavailableKind::kProtocol && &entry == &in_flight_.front();
    if (entry.is_repeated || is_cause) {
      Settle(entry.request, why, settled);
    } else if (entry.request.callback) {
      waiting_.push_back({.request = std::move(entry.request), .is_repeated = true});
    }
  }
  in_flight_.clear();
}

void RequestQueue::FailWaiting(const Failure& why, std::vector<Settled>& settled) {
  for (Entry& entry : waiting_) Settle(entry.request, why, settled);
  waiting_.clear();
}

void RequestQueue::FailAll(const Failure& why, std::vector<Settled>& settled) {
  FailWaiting(why, settled);
  for (Entry& entry : in_flight_) Settle(entry.request, why, settled);
  in_flight_.clear();
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

void RequestQueue::Settle(Request& request, Result result, std::vector<Settled>& settled) {
  if (!request.callback) return;
  settled.push_back({std::move(request.callback), std::move(result), request.started});
  request.callback = nullptr;  // A moved-from function may be anything.
}

}  // namespace metrics::redis
