#include "metrics/queue_reader.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>

#include "metrics/go_quote.h"

namespace metrics {
namespace {

/// Adds what a layout asks. What is more than one command is a transaction, so that no job moves in between.
template <typename Ask>
std::size_t AddTo(redis::Batch& batch, Ask ask) {
  redis::Batch asked;
  ask(asked);
  if (asked.size() > 1) batch.BeginTransaction();
  for (std::size_t i = 0; i < asked.size(); ++i) batch.AddFrom(asked, i);
  if (asked.size() > 1) batch.EndTransaction();
  return asked.size();
}

}  // namespace

/// Waits for the outcomes of all its questions.
class QueueReader::Request {
 public:
  Request(std::size_t count, ReadCallback callback)
      : outcomes_(count), missing_(count), callback_(std::move(callback)) {}

  void Take(std::size_t index, const QueueOutcome& outcome) {
    outcomes_[index] = outcome;
    if (missing_.fetch_sub(1) == 1) callback_(std::move(outcomes_));
  }

 private:
  std::vector<QueueOutcome> outcomes_;
  std::atomic<std::size_t> missing_;
  const ReadCallback callback_;
};

/// The questions of one request to one source, on their way to their answers.
class QueueReader::Group : public std::enable_shared_from_this<Group> {
 public:
  Group(QueueReader& reader, redis::RedisSource& source, Clock::time_point deadline)
      : reader_(reader), source_(source), deadline_(deadline) {}

  void Add(QueueQuestion question, std::shared_ptr<Flight> flight) {
    parts_.push_back({std::move(question), std::move(flight), {}, 0, {}});
  }

  void Begin() {
    redis::Batch batch;
    for (Part& part : parts_) {
      part.owed = AddTo(batch, [&](redis::Batch& asked) { part.question.layout->Ask(ReadOf(part.question), asked); });
    }
    Send(std::move(batch));
  }

 private:
  struct Part {
    QueueQuestion question;
    std::shared_ptr<Flight> flight;
    std::vector<redis::Reply> replies;
    std::size_t owed;  // Replies of the round under way.
    std::optional<QueueOutcome> outcome;
  };

  QueueRead ReadOf(const QueueQuestion& question) const { return {question.name_in_redis, question.wanted, begin_}; }

  void Send(redis::Batch batch) {
    source_.Send(std::move(batch), deadline_,
                 [self = shared_from_this()](redis::Result result) { self->Take(std::move(result)); });
  }

  void Take(redis::Result result) {
    if (const auto* failure = std::get_if<redis::Failure>(&result)) return Fail(*failure);
    redis::Batch batch;
    auto next = std::make_move_iterator(std::get<std::vector<redis::Reply>>(result).begin());
    for (Part& part : parts_) {
      if (part.outcome) continue;
      const auto end = next + static_cast<std::ptrdiff_t>(part.owed);
      part.replies.insert(part.replies.end(), next, end);
      next = end;
      Count(part, batch);
    }
    if (batch.size() > 0) return Send(std::move(batch));
    Land();
  }

  /// What the layout makes of the replies so far. Adds what it asks next.
  void Count(Part& part, redis::Batch& batch) {
    try {
      std::optional<QueueCounts> counts;
      part.owed = AddTo(batch, [&](redis::Batch& asked) {
        counts = part.question.layout->Count(ReadOf(part.question), part.replies, asked);
      });
      if (counts) {
        part.outcome = QueueReading{*counts, std::chrono::system_clock::now()};
      } else if (part.owed == 0) {
        throw MetricUnavailableError(
            UnavailableKind::kServer,
            "its replies do not tell what the queue " + QuoteBeginning(part.question.name_in_redis) + " holds");
      }
    } catch (const MetricUnavailableError& error) {
      part.outcome = MetricUnavailable{error.kind(), source_.subject() + ": " + error.what()};
      reader_.observer_.OnError(source_.name(), part.question.name_in_redis, error.kind(),
                                std::get<MetricUnavailable>(*part.outcome).text);
    }
  }

  /// Those that wait still have no answer.
  void Fail(const MetricUnavailable& why) {
    std::string queues;
    std::size_t count = 0;
    for (Part& part : parts_) {
      if (part.outcome) continue;
      part.outcome = why;
      if (count++ == 0) queues = part.question.name_in_redis;
    }
    if (count > 1) queues += " and " + std::to_string(count - 1) + " more";
    reader_.observer_.OnError(source_.name(), queues, why.kind, why.text);
    Land();
  }

  void Land() {
    for (const Part& part : parts_) reader_.Land(part.question, part.flight, *part.outcome);
  }

  QueueReader& reader_;
  redis::RedisSource& source_;
  const Clock::time_point deadline_;
  const std::chrono::system_clock::time_point begin_ = std::chrono::system_clock::now();
  std::vector<Part> parts_;
};

void QueueReader::Read(std::vector<QueueQuestion> questions, Clock::time_point deadline, ReadCallback callback) {
  const auto request = std::make_shared<Request>(questions.size(), std::move(callback));
  std::vector<std::pair<redis::RedisSource*, std::shared_ptr<Group>>> groups;  // Few.
  const auto now = Clock::now();
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < questions.size(); ++i) {
      QueueQuestion& question = questions[i];
      const auto latest = std::min(deadline, now + question.source->timeout());
      auto& flight = flights_[question];
      if (flight != nullptr && flight->deadline <= latest) {
        flight->waiting.emplace_back(request, i);
        continue;
      }
      flight = std::make_shared<Flight>(Flight{latest, {{request, i}}});
      auto group = std::find_if(groups.begin(), groups.end(),
                                [&question](const auto& known) { return known.first == question.source; });
      if (group == groups.end()) {
        auto made = std::make_shared<Group>(*this, *question.source, latest);
        group = groups.insert(group, {question.source, std::move(made)});
      }
      group->second->Add(std::move(question), flight);
    }
  }
  for (const auto& [source, group] : groups) group->Begin();
}

void QueueReader::Land(const QueueQuestion& question, const std::shared_ptr<Flight>& flight,
                       const QueueOutcome& outcome) {
  std::vector<std::pair<std::shared_ptr<Request>, std::size_t>> waiting;
  {
    const std::lock_guard lock(mutex_);
    waiting = std::move(flight->waiting);
    const auto found = flights_.find(question);
    if (found != flights_.end() && found->second == flight) flights_.erase(found);
  }
  for (const auto& [request, index] : waiting) request->Take(index, outcome);
}

}  // namespace metrics
