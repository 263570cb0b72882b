#include "metrics/queue_reader.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <list>
#include <new>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "metrics/go_quote.h"

namespace metrics {
namespace {

/// What is more than one command is a transaction, so that no job moves in between.
void AddTo(redis::Batch& batch, const redis::Batch& asked) {
  if (asked.size() > 1) batch.BeginTransaction();
  for (std::size_t i = 0; i < asked.size(); ++i) batch.AddFrom(asked, i);
  if (asked.size() > 1) batch.EndTransaction();
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

  redis::Batch asked{};                        // In the next round.
  std::size_t owed = 0;                        // Replies of the round under way.
  std::vector<const redis::Reply*> replies{};  // Of all rounds; the group keeps them.
  std::optional<QueueOutcome> outcome{};
};

/// Questions that are put to one source together: those of one request, or those that wait for the same turn. Each gets
/// an outcome, also when there is no memory to go on.
class QueueReader::Group : public std::enable_shared_from_this<Group> {
 public:
  Group(QueueReader& reader, redis::RedisSource& source, Kind kind, Clock::time_point deadline)
      : reader_(reader), source_(source), kind_(kind), deadline_(deadline) {}

  redis::RedisSource* source() const { return &source_; }
  Kind kind() const { return kind_; }
  bool empty() const { return flights_.empty(); }

  /// Only before it begins. The flight stays where it is.
  Flight& Add(QueueQuestion question, Flight::Waiting first) {
    return flights_.emplace_back(Flight{std::move(question), deadline_, std::move(first)});
  }

  void Begin() {
    begin_ = std::chrono::system_clock::now();
    in_flight_ = flights_.size();
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

  /// Of each command of each flight in turn, which reply is the one to it. Empty: they are in the same order.
  using Places = std::vector<std::size_t>;

  QueueRead ReadOf(const QueueQuestion& question) const { return {question.name_in_redis, question.wanted, begin_}; }

  void Ask(const Together& flights) {
    try {
      for (Flight* const flight : flights) flight->question.layout->Ask(ReadOf(flight->question), flight->asked);
    } catch (const std::bad_alloc&) {
      return Fail(flights, NoMemory());
    }
    Send(flights);
  }

  /// Sends what the flights ask. Those that share keys have commands in common, which are sent once; then everything is
  /// one transaction.
  void Send(const Together& flights) {
    try {
      redis::Batch batch;
      Places places;
      if (kind_ == Kind::kTakesTurns && flights.size() > 1) {
        places = AddEachOnce(flights, batch);
      } else {
        for (const Flight* const flight : flights) AddTo(batch, flight->asked);
      }
      for (Flight* const flight : flights) flight->owed = std::exchange(flight->asked, {}).size();
      source_.Send(std::move(batch), deadline_,
                   [self = shared_from_this(), flights, places = std::move(places)](redis::Result result) {
                     self->Take(flights, places, std::move(result));
                   });
    } catch (const std::bad_alloc&) {
      Fail(flights, NoMemory());
    }
  }

  static Places AddEachOnce(const Together& flights, redis::Batch& batch) {
    Places places;
    std::unordered_map<std::string_view, std::size_t> known;
    batch.BeginTransaction();
    for (const Flight* const flight : flights) {
      for (std::size_t i = 0; i < flight->asked.size(); ++i) {
        const auto [command, is_new] = known.emplace(flight->asked.Command(i), batch.size());
        if (is_new) batch.AddFrom(flight->asked, i);
        places.push_back(command->second);
      }
    }
    batch.EndTransaction();
    return places;
  }

  void Take(const Together& flights, const Places& places, redis::Result result) {
    if (const auto* failure = std::get_if<redis::Failure>(&result)) return Fail(flights, *failure);
    Together unanswered;
    try {
      received_.push_back(std::get<std::vector<redis::Reply>>(std::move(result)));
      unanswered.reserve(flights.size());
    } catch (const std::bad_alloc&) {
      return Fail(flights, NoMemory());
    }
    const std::vector<redis::Reply>& replies = received_.back();
    std::size_t next = 0;
    for (Flight* const flight : flights) {
      const std::size_t end = next + flight->owed;
      try {
        for (std::size_t i = next; i < end; ++i) {
          flight->replies.push_back(&replies[places.empty() ? i : places[i]]);
        }
        Count(*flight);
      } catch (const std::bad_alloc&) {
        flight->outcome = NoMemory();
      }
      next = end;
      if (!flight->outcome) {
        unanswered.push_back(flight);
      } else if (const auto* why = std::get_if<MetricUnavailable>(&*flight->outcome)) {
        // A transaction that is refused because of one command gives everybody that error.
        !places.empty() || IsOfOneOf(flights, *why) ? AskAlone(*flight) : Fail(*flight, *why);
      } else {
        Land(*flight);
      }
    }
    if (!unanswered.empty()) Send(unanswered);
  }

  /// What the layout makes of the replies so far, or what it asks next.
  void Count(Flight& flight) {
    try {
      const auto counts = flight.question.layout->Count(ReadOf(flight.question), flight.replies, flight.asked);
      if (counts) {
        flight.outcome = QueueReading{*counts, std::chrono::system_clock::now()};
      } else if (flight.asked.size() == 0) {
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
    if (IsOfOneOf(flights, why)) {
      for (Flight* const flight : flights) AskAlone(*flight);
      return;
    }
    Tell(*flights.front(), flights.size() - 1, why);
    for (Flight* const flight : flights) Land(*flight, why);
  }

  void Fail(Flight& flight, const MetricUnavailable& why) {
    Tell(flight, 0, why);
    Land(flight);
  }

  void Land(Flight& flight, const MetricUnavailable& why) {
    flight.outcome = CopyOf(why);
    Land(flight);
  }

  void Land(Flight& flight) {
    // Whoever gets the last answer may end the reader.
    if (--in_flight_ == 0 && kind_ == Kind::kTakesTurns) reader_.EndTurn(source_);
    reader_.Land(flight);
  }

  /// Whether only one of them need be the cause, which has spoilt the answers to the others.
  static bool IsOfOneOf(const Together& flights, const MetricUnavailable& why) {
    return flights.size() > 1 && why.kind == UnavailableKind::kTooLarge;
  }

  void AskAlone(Flight& flight) {
    flight.outcome.reset();
    flight.asked = {};
    flight.replies.clear();
    try {
      Ask({&flight});
    } catch (const std::bad_alloc&) {
      Land(flight, NoMemory());
    }
  }

  /// The source has done nothing wrong if only the one who asked was in a hurry.
  void Tell(const Flight& first, std::size_t more, const MetricUnavailable& why) const {
    if (kind_ == Kind::kHurried && why.kind == UnavailableKind::kTimeout && Clock::now() >= deadline_) return;
    try {
      std::string queues = first.question.name_in_redis;
      if (more > 0) queues += " and " + std::to_string(more) + " more";
      reader_.observer_.OnError(source_.name(), queues, why.kind, why.text);
    } catch (const std::bad_alloc&) {  // Those that wait for an answer need it more than a log does.
    }
  }

  QueueReader& reader_;
  redis::RedisSource& source_;
  const Kind kind_;
  const Clock::time_point deadline_;
  std::chrono::system_clock::time_point begin_;
  std::list<Flight> flights_;
  std::size_t in_flight_ = 0;
  std::list<std::vector<redis::Reply>> received_;  // Which do not move.
};

void QueueReader::Read(std::vector<QueueQuestion> questions, Clock::time_point deadline, ReadCallback callback) {
  const auto request = std::make_shared<Request>(questions.size(), std::move(callback));
  std::vector<GroupPtr> groups;  // Few.
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
        const bool takes_turns = question.layout->SharesKeys(question.wanted) && !question.source->is_cluster();
        const Kind kind = is_hurried ? Kind::kHurried : takes_turns ? Kind::kTakesTurns : Kind::kPlain;
        Group& group = GroupFor(*question.source, kind, latest, groups);
        Flight& flight = group.Add(std::move(question), {request, i});
        if (!is_hurried) flights_.emplace(&flight.question, &flight);  // Else others would be cut off with it.
      }
    } catch (const std::bad_alloc&) {
      // Its questions that wait for their turn are asked nevertheless; but they are not all, so nobody is called back.
      std::erase_if(flights_, [&request](const auto& entry) { return entry.second->first.first == request; });
      for (const GroupPtr& group : groups) {
        if (group->kind() == Kind::kTakesTurns) turns_.erase(group->source());
      }
      throw;
    }
  }
  for (const GroupPtr& group : groups) group->Begin();
}

QueueReader::Group& QueueReader::GroupFor(redis::RedisSource& source, Kind kind, Clock::time_point deadline,
                                          std::vector<GroupPtr>& groups) {
  for (const GroupPtr& group : groups) {
    if (group->source() == &source && group->kind() == kind) return *group;
  }
  const auto make = [&] { return std::make_shared<Group>(*this, source, kind, deadline); };
  const auto turn = kind == Kind::kTakesTurns ? turns_.find(&source) : turns_.end();
  if (turn != turns_.end()) {
    if (!turn->second) turn->second = make();
    return *turn->second;
  }
  Group& group = *groups.emplace_back(make());
  if (kind == Kind::kTakesTurns) turns_.emplace(&source, nullptr);
  return group;
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

void QueueReader::EndTurn(redis::RedisSource& source) {
  GroupPtr next;
  {
    const std::lock_guard lock(mutex_);
    const auto turn = turns_.find(&source);
    next = std::exchange(turn->second, nullptr);
    if (next && next->empty()) next.reset();  // There was no memory for its first question.
    if (!next) turns_.erase(turn);
  }
  if (next) next->Begin();
}

}  // namespace metrics
