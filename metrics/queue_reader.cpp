#include "metrics/queue_reader.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <iterator>
#include <new>
#include <optional>
#include <string_view>
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

/// What there is memory for.
template <typename Outcome>
QueueOutcome CopyOf(const Outcome& outcome) {
  try {
    return outcome;
  } catch (const std::bad_alloc&) {
    return NoMemory();
  }
}

}  // namespace

/// Waits for the outcomes of all its questions.
class QueueReader::Request {
 public:
  Request(std::size_t count, ReadCallback callback)
      : outcomes_(count), missing_(count), callback_(std::move(callback)) {}

  void Take(std::size_t index, const QueueOutcome& outcome) {
    outcomes_[index] = CopyOf(outcome);
    if (missing_.fetch_sub(1) == 1) callback_(std::move(outcomes_));
  }

 private:
  std::vector<QueueOutcome> outcomes_;
  std::atomic<std::size_t> missing_;
  const ReadCallback callback_;
};

/// One question on its way to its answer, and who waits for it.
struct QueueReader::Flight {
  using Waiting = std::pair<std::shared_ptr<Request>, std::size_t>;

  QueueQuestion question;
  Clock::time_point deadline;
  Waiting first;
  std::vector<Waiting> others{};  // Guarded by mutex_ of the reader.

  std::vector<redis::Reply> replies{};
  std::size_t owed = 0;  // Replies of the round under way.
  std::optional<QueueOutcome> outcome{};
};

/// The questions of one request to one source. Each gets an outcome, also when there is no memory to go on.
class QueueReader::Group : public std::enable_shared_from_this<Group> {
 public:
  /// Of `most` flights, none of which moves in memory. `is_hurried`: the source may take longer than `deadline` allows.
  Group(QueueReader& reader, redis::RedisSource& source, Clock::time_point deadline, bool is_hurried, std::size_t most)
      : reader_(reader), source_(source), deadline_(deadline), is_hurried_(is_hurried) {
    flights_.reserve(most);
  }

  redis::RedisSource* source() const { return &source_; }

  Flight& Add(QueueQuestion question, Flight::Waiting first) {
    return flights_.emplace_back(Flight{std::move(question), deadline_, std::move(first)});
  }

  void Begin() {
    Together all;
    try {
      for (Flight& flight : flights_) all.push_back(&flight);
    } catch (const std::bad_alloc&) {
      for (Flight& flight : flights_) Land(flight, NoMemory());
      return;
    }
    Ask(all);
  }

 private:
  /// Flights without an outcome yet, which share their batches.
  using Together = std::vector<Flight*>;

  QueueRead ReadOf(const QueueQuestion& question) const { return {question.name_in_redis, question.wanted, begin_}; }

  void Ask(const Together& flights) {
    redis::Batch batch;
    try {
      for (Flight* const flight : flights) {
        flight->owed =
            AddTo(batch, [&](redis::Batch& asked) { flight->question.layout->Ask(ReadOf(flight->question), asked); });
      }
    } catch (const std::bad_alloc&) {
      return Fail(flights, NoMemory());
    }
    Send(std::move(batch), flights);
  }

  void Send(redis::Batch batch, const Together& flights) {
    try {
      source_.Send(std::move(batch), deadline_, [self = shared_from_this(), flights](redis::Result result) {
        self->Take(flights, std::move(result));
      });
    } catch (const std::bad_alloc&) {
      Fail(flights, NoMemory());
    }
  }

  void Take(const Together& flights, redis::Result result) {
    if (const auto* failure = std::get_if<redis::Failure>(&result)) return Fail(flights, *failure);
    redis::Batch batch;
    bool is_batch_whole = true;
    Together unanswered;
    try {
      unanswered.reserve(flights.size());
    } catch (const std::bad_alloc&) {
      return Fail(flights, NoMemory());
    }
    auto next = std::make_move_iterator(std::get<std::vector<redis::Reply>>(result).begin());
    for (Flight* const flight : flights) {
      const auto end = next + static_cast<std::ptrdiff_t>(flight->owed);
      try {
        flight->replies.insert(flight->replies.end(), next, end);
        Count(*flight, batch);
      } catch (const std::bad_alloc&) {
        flight->outcome = NoMemory();
        is_batch_whole = false;
      }
      next = end;
      if (!flight->outcome) {
        unanswered.push_back(flight);
      } else if (const auto* why = std::get_if<MetricUnavailable>(&*flight->outcome)) {
        Fail(flights.size(), *flight, *why);
      } else {
        reader_.Land(*flight);
      }
    }
    if (unanswered.empty()) return;
    is_batch_whole ? Send(std::move(batch), unanswered) : Fail(unanswered, NoMemory());
  }

  /// What the layout makes of the replies so far. Adds what it asks next.
  void Count(Flight& flight, redis::Batch& batch) {
    try {
      std::optional<QueueCounts> counts;
      flight.owed = AddTo(batch, [&](redis::Batch& asked) {
        counts = flight.question.layout->Count(ReadOf(flight.question), flight.replies, asked);
      });
      if (counts) {
        flight.outcome = QueueReading{*counts, std::chrono::system_clock::now()};
      } else if (flight.owed == 0) {
        throw MetricUnavailableError(
            UnavailableKind::kServer,
            "its replies do not tell what the queue " + QuoteBeginning(flight.question.name_in_redis) + " holds");
      }
    } catch (const MetricUnavailableError& error) {
      flight.outcome = MetricUnavailable{error.kind(), source_.subject() + ": " + error.what()};
    }
  }

  /// Together they have no answer.
  void Fail(const Together& flights, const MetricUnavailable& why) {
    if (IsOfOneOf(flights.size(), why)) {
      for (Flight* const flight : flights) AskAlone(*flight);
      return;
    }
    Tell(*flights.front(), flights.size() - 1, why);
    for (Flight* const flight : flights) Land(*flight, why);
  }

  /// One of `together` has none.
  void Fail(std::size_t together, Flight& flight, const MetricUnavailable& why) {
    if (IsOfOneOf(together, why)) return AskAlone(flight);
    Tell(flight, 0, why);
    reader_.Land(flight);
  }

  void Land(Flight& flight, const MetricUnavailable& why) {
    flight.outcome = CopyOf(why);
    reader_.Land(flight);
  }

  /// Whether only one of `together` need be the cause, which has spoilt the answers to the others.
  static bool IsOfOneOf(std::size_t together, const MetricUnavailable& why) {
    return together > 1 && why.kind == UnavailableKind::kTooLarge;
  }

  void AskAlone(Flight& flight) {
    flight.outcome.reset();
    flight.replies.clear();
    try {
      Ask({&flight});
    } catch (const std::bad_alloc&) {
      Land(flight, NoMemory());
    }
  }

  /// The source has done nothing wrong if only the one who asked was in a hurry.
  void Tell(const Flight& first, std::size_t more, const MetricUnavailable& why) const {
    if (is_hurried_ && why.kind == UnavailableKind::kTimeout && Clock::now() >= deadline_) return;
    try {
      std::string queues = first.question.name_in_redis;
      if (more > 0) queues += " and " + std::to_string(more) + " more";
      reader_.observer_.OnError(source_.name(), queues, why.kind, why.text);
    } catch (const std::bad_alloc&) {  // Those that wait for an answer need it more than a log does.
    }
  }

  QueueReader& reader_;
  redis::RedisSource& source_;
  const Clock::time_point deadline_;
  const bool is_hurried_;
  const std::chrono::system_clock::time_point begin_ = std::chrono::system_clock::now();
  std::vector<Flight> flights_;
};

void QueueReader::Read(std::vector<QueueQuestion> questions, Clock::time_point deadline, ReadCallback callback) {
  const auto request = std::make_shared<Request>(questions.size(), std::move(callback));
  std::vector<std::shared_ptr<Group>> groups;  // Few.
  {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();  // So that of two flights with all the time of a source, the first ends first.
    try {
      for (std::size_t i = 0; i < questions.size(); ++i) {
        QueueQuestion& question = questions[i];
        const auto in_time = now + question.source->timeout();
        const auto latest = std::min(deadline, in_time);
        if (const auto same = flights_.find(&question); same != flights_.end() && same->second->deadline <= latest) {
          same->second->others.emplace_back(request, i);
          continue;
        }
        const bool is_hurried = deadline < in_time;
        auto group = std::find_if(groups.begin(), groups.end(),
                                  [&question](const auto& known) { return known->source() == question.source; });
        if (group == groups.end()) {
          group = groups.insert(
              group, std::make_shared<Group>(*this, *question.source, latest, is_hurried, questions.size() - i));
        }
        Flight& flight = (*group)->Add(std::move(question), {request, i});
        if (!is_hurried) flights_.emplace(&flight.question, &flight);  // Else others would be cut off with it.
      }
    } catch (const std::bad_alloc&) {
      std::erase_if(flights_, [&request](const auto& entry) { return entry.second->first.first == request; });
      throw;
    }
  }
  for (const auto& group : groups) group->Begin();
}

void QueueReader::Land(Flight& flight) {
  std::vector<Flight::Waiting> others;
  {
    const std::lock_guard lock(mutex_);
    others = std::move(flight.others);
    const auto found = flights_.find(&flight.question);
    if (found != flights_.end() && found->second == &flight) flights_.erase(found);
  }
  const auto& [request, index] = flight.first;
  request->Take(index, *flight.outcome);
  for (const auto& [other, its_index] : others) other->Take(its_index, *flight.outcome);
}

}  // namespace metrics
