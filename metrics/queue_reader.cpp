#include "metrics/queue_reader.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace metrics {
namespace {

/// The queues of one request on their way to their counts.
class Reading : public std::enable_shared_from_this<Reading> {
 public:
  Reading(redis::RedisSource& source, redis::RedisObserver& observer, std::chrono::steady_clock::time_point deadline,
          ReadCallback callback)
      : source_(source), observer_(observer), deadline_(deadline), callback_(std::move(callback)) {}

  void Begin(std::vector<Queue> queues) {
    redis::Batch batch;
    parts_.reserve(queues.size());
    for (Queue& queue : queues) {
      Part& part = parts_.emplace_back(Part{std::move(queue), {}, 0, {}});
      const std::size_t before = batch.size();
      LayoutOf(part).Ask(QuestionAbout(part), batch);
      part.owed = batch.size() - before;
    }
    Send(std::move(batch));
  }

 private:
  struct Part {
    Queue queue;
    std::vector<redis::Reply> replies;
    std::size_t owed;  // Replies of the round under way.
    std::optional<QueueCounts> counts;
  };

  static const QueueLayout& LayoutOf(const Part& part) { return *part.queue.configured->layout; }

  QueueRead QuestionAbout(const Part& part) const { return {part.queue.name_in_redis, part.queue.wanted, begin_}; }

  void Send(redis::Batch batch) {
    source_.Send(std::move(batch), deadline_,
                 [self = shared_from_this()](redis::Result result) { self->Take(std::move(result)); });
  }

  void Take(redis::Result result) {
    if (const auto* failure = std::get_if<redis::Failure>(&result)) return Fail(*failure);
    redis::Batch batch;
    try {
      batch = Count(std::get<std::vector<redis::Reply>>(std::move(result)));
    } catch (const MetricUnavailableError& error) {
      return Fail({error.kind(), source_.subject() + ": " + error.what()});
    }
    if (batch.size() > 0) return Send(std::move(batch));
    Succeed();
  }

  /// What the layouts make of the replies so far. Returns what they ask next.
  redis::Batch Count(std::vector<redis::Reply> replies) {
    redis::Batch batch;
    auto next = std::make_move_iterator(replies.begin());
    for (Part& part : parts_) {
      if (part.counts) continue;
      const auto end = next + static_cast<std::ptrdiff_t>(part.owed);
      part.replies.insert(part.replies.end(), next, end);
      next = end;
      const std::size_t before = batch.size();
      part.counts = LayoutOf(part).Count(QuestionAbout(part), part.replies, batch);
      part.owed = batch.size() - before;
    }
    return batch;
  }

  void Succeed() {
    const auto timestamp = std::chrono::system_clock::now();
    std::vector<QueueReading> readings;
    readings.reserve(parts_.size());
    for (Part& part : parts_) readings.push_back({std::move(part.queue), *part.counts, timestamp});
    callback_(std::move(readings));
  }

  void Fail(MetricUnavailable why) {
    const std::string others = parts_.size() > 1 ? " and " + std::to_string(parts_.size() - 1) + " more" : "";
    observer_.OnError(source_.name(), parts_.front().queue.name_in_redis + others, why.kind, why.text);
    callback_(std::move(why));
  }

  redis::RedisSource& source_;
  redis::RedisObserver& observer_;
  const std::chrono::steady_clock::time_point deadline_;
  const ReadCallback callback_;
  const std::chrono::system_clock::time_point begin_ = std::chrono::system_clock::now();
  std::vector<Part> parts_;
};

}  // namespace

void QueueReader::Read(std::vector<Queue> queues, std::chrono::steady_clock::time_point deadline,
                       ReadCallback callback) {
  const auto latest = std::min(deadline, std::chrono::steady_clock::now() + source_.timeout());
  std::make_shared<Reading>(source_, observer_, latest, std::move(callback))->Begin(std::move(queues));
}

}  // namespace metrics
