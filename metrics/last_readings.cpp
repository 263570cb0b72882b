#include "metrics/last_readings.h"

namespace metrics {

void LastReadings::Remember(const QueueQuestion& question, const QueueReading& reading) {
  const std::lock_guard lock(mutex_);
  const auto [found, is_new] = entries_.try_emplace(question);
  if (is_new) {
    found->second.place = by_age_.insert(by_age_.end(), question);
  } else {
    by_age_.splice(by_age_.end(), by_age_, found->second.place);
  }
  found->second.reading = reading;
  found->second.at = std::chrono::steady_clock::now();
  if (entries_.size() <= kMost) return;
  entries_.erase(by_age_.front());
  by_age_.pop_front();
}

std::optional<QueueReading> LastReadings::Find(const QueueQuestion& question, std::chrono::nanoseconds max_age) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(question);
  if (found == entries_.end() || std::chrono::steady_clock::now() - found->second.at > max_age) return std::nullopt;
  return found->second.reading;
}

void LastReadings::Forget(const redis::RedisSource& source) {
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&source](const auto& entry) { return entry.first.source == &source; });
  by_age_.remove_if([&source](const QueueQuestion& question) { return question.source == &source; });
}

}  // namespace metrics
