#include "metrics/queue_reader.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <list>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "metrics/go_quote.h"

namespace metrics {
namespace {

/// Queues that share keys, in one transaction: the replies are the same, but which are whose takes memory for each. And
/// such groups that may wait for their turn.
constexpr std::size_t kMostTogether = 50;
constexpr std::size_t kMostWaitingGroups = 100;

/// So many timeouts of a Redis may a turn be waited for.
constexpr int kTimeoutsForTurn = 2;

MetricUnavailable OverloadOf(const redis::RedisSource& source) {
  try {
    return {UnavailableKind::kOverload, source.subject() + " was not asked: too much waits for its answers already"};
  } catch (const std::bad_alloc&) {
    return NoMemory();
  }
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
  QueueQuestion question;
  Waiting first;
  /// Until when somebody waits for it to begin. Constant from then on; before, guarded by mutex_ of the reader.
  Clock::time_point wanted_until;

  // Guarded by mutex_ of the reader.
  std::vector<Waiting> others{};
  std::optional<Clock::time_point> began{};
  Clock::time_point deadline{};  // Once it has begun.

  std::size_t commands = 0;  // In the latest round.
  std::vector<std::shared_ptr<const std::vector<redis::Reply>>> received{};
  std::vector<const redis::Reply*> replies{};  // In `received`: the answers to what it has asked.
  std::optional<QueueOutcome> outcome{};
};

/// What flights ask in one go: a transaction for each, so that no job moves in between, or one transaction for all,
/// with equal commands but once.
class QueueReader::Round {
 public:
  explicit Round(bool is_one) : is_one_(is_one) {
    if (is_one_) batch_.BeginTransaction();
  }

  bool is_one() const { return is_one_; }
  std::span<Flight* const> flights() const { return flights_; }
  /// Which of all replies answers the command `index`, counted over what all flights asked.
  std::size_t PlaceOf(std::size_t index) const { return is_one_ ? places_[index] : index; }

  /// Throws std::bad_alloc; then the round is of no use any more.
  void Add(Flight& flight, const redis::Batch& asked) {
    flights_.push_back(&flight);
    flight.commands = asked.size();
    const bool is_transaction = !is_one_ && asked.size() > 1;
    if (is_transaction) batch_.BeginTransaction();
    for (std::size_t i = 0; i < asked.size(); ++i) AddCommand(asked, i);
    if (is_transaction) batch_.EndTransaction();
  }

  redis::Batch TakeBatch() {
    known_.clear();
    if (is_one_) batch_.EndTransaction();
    return std::move(batch_);
  }

 private:
  void AddCommand(const redis::Batch& asked, std::size_t index) {
    if (is_one_) {
      const auto known = known_.find(asked.Command(index));
      places_.push_back(known == known_.end() ? batch_.size() : known->second);
      if (known != known_.end()) return;
      known_.emplace(asked.Command(index), batch_.size());
    }
    batch_.AddFrom(asked, index);
  }

  const bool is_one_;
  std::vector<Flight*> flights_;
  redis::Batch batch_;
  std::map<std::string, std::size_t, std::less<>> known_;  // Commands and their places.
  std::vector<std::size_t> places_;
};

/// Questions that are put to one source together. Each gets an outcome, also when there is no memory to go on.
class QueueReader::Group : public std::enable_shared_from_this<Group> {
 public:
  Group(QueueReader& reader, const GroupKind& kind) : reader_(reader), kind_(kind) {}

  const GroupKind& kind() const { return kind_; }
  bool IsFull() const { return kind_.sharing != nullptr && flights_.size() >= kMostTogether; }

  // With mutex_ of the reader held, before it begins:

  /// The flight stays where it is.
  Flight& Add(QueueQuestion question, Waiting first, Clock::time_point deadline) {
    return flights_.emplace_back(Flight{std::move(question), std::move(first), deadline});
  }

  /// Its turn has come.
  void Start(Clock::time_point now, Clock::time_point limit) {
    deadline_ = std::min(now + kind_.source->timeout(), limit);
    for (Flight& flight : flights_) {
      flight.began = now;
      flight.deadline = deadline_;
    }
  }

  // Without it:

  void Begin() {
    begin_ = std::chrono::system_clock::now();
    in_flight_ = flights_.size();
    if (flights_.empty()) return reader_.EndTurn(kind_);  // There was no memory for any.
    std::vector<Flight*> wanted;
    std::vector<Flight*> late;
    try {
      wanted.reserve(flights_.size());
      if (kind_.TakesTurns()) late.reserve(flights_.size());
    } catch (const std::bad_alloc&) {
      for (Flight& flight : flights_) Land(flight, NoMemory());
      return;
    }
    const auto now = Clock::now();
    for (Flight& flight : flights_) {
      const bool is_late = kind_.TakesTurns() && flight.wanted_until <= now;
      (is_late ? late : wanted).push_back(&flight);
    }
    if (!wanted.empty()) Ask(wanted);
    if (!late.empty()) Fail(late, OverloadOf(*kind_.source));
  }

 private:
  /// Flights that are asked in one go.
  using Together = std::span<Flight* const>;

  QueueRead ReadOf(const QueueQuestion& question) const { return {question.name_in_redis, question.wanted, begin_}; }

  Round MakeRound(Together flights) const { return Round(kind_.sharing != nullptr && flights.size() > 1); }

  void Ask(Together flights) {
    try {
      Round round = MakeRound(flights);
      for (Flight* const flight : flights) {
        flight->outcome.reset();
        flight->replies.clear();
        flight->received.clear();
        redis::Batch asked;
        flight->question.layout->Ask(ReadOf(flight->question), asked);
        round.Add(*flight, asked);
      }
      Send(std::move(round));
    } catch (const std::bad_alloc&) {
      Fail(flights, NoMemory());
    }
  }

  /// Throws std::bad_alloc; then nothing was sent.
  void Send(Round round) {
    redis::Batch batch = round.TakeBatch();
    const auto sent = std::make_shared<const Round>(std::move(round));
    kind_.source->Send(std::move(batch), deadline_, [self = shared_from_this(), sent](redis::Result result) {
      self->Take(*sent, std::move(result));
    });
  }

  void Take(const Round& round, redis::Result result) {
    const Together flights = round.flights();
    if (const auto* failure = std::get_if<redis::Failure>(&result)) return Fail(flights, *failure);
    std::shared_ptr<const std::vector<redis::Reply>> received;
    std::optional<Round> next;
    std::vector<Flight*> unanswered;
    std::vector<Flight*> discarded;
    try {
      received = std::make_shared<std::vector<redis::Reply>>(std::get<std::vector<redis::Reply>>(std::move(result)));
      next.emplace(MakeRound(flights));
      unanswered.reserve(flights.size());
      if (round.is_one()) discarded.reserve(flights.size());
    } catch (const std::bad_alloc&) {
      return Fail(flights, NoMemory());
    }
    std::size_t index = 0;
    for (Flight* const flight : flights) {
      const std::size_t first = std::exchange(index, index + flight->commands);
      redis::Batch more;
      try {
        flight->received.push_back(received);
        for (std::size_t i = first; i < index; ++i) flight->replies.push_back(&(*received)[round.PlaceOf(i)]);
        if (!round.is_one() || !IsDiscarded(*flight)) Count(*flight, more);
      } catch (const std::bad_alloc&) {
        flight->outcome = NoMemory();
      }
      if (flight->outcome) {
        Conclude(*flight, flights.size());
      } else if (more.size() == 0) {
        discarded.push_back(flight);
      } else {
        unanswered.push_back(flight);
        AddTo(next, *flight, more);
      }
    }
    if (!discarded.empty()) Ask(discarded);
    if (!unanswered.empty()) SendOrFail(std::move(next), unanswered);
  }

  /// Whether Redis refused the transaction, but nothing of what this flight asked in it.
  static bool IsDiscarded(const Flight& flight) {
    const auto round = std::span(flight.replies).last(flight.commands);
    const auto is_discarded = [](const redis::Reply* reply) { return reply->is_discarded; };
    const auto is_refused = [](const redis::Reply* reply) {
      return reply->type == redis::Reply::Type::kError && !reply->is_discarded;
    };
    return std::any_of(round.begin(), round.end(), is_discarded) &&
           std::none_of(round.begin(), round.end(), is_refused);
  }

  /// What the layout makes of the replies so far, or what it asks next.
  void Count(Flight& flight, redis::Batch& more) {
    try {
      const auto counts = flight.question.layout->Count(ReadOf(flight.question), flight.replies, more);
      if (counts) {
        flight.outcome = QueueReading{*counts, begin_};
      } else if (more.size() == 0) {
        throw MetricUnavailableError(
            UnavailableKind::kServer,
            "its replies do not tell what the queue " + QuoteBeginning(flight.question.name_in_redis) + " holds");
      }
    } catch (const MetricUnavailableError& error) {
      flight.outcome = MetricUnavailable{error.kind(), kind_.source->subject() + ": " + error.what()};
    }
  }

  static void AddTo(std::optional<Round>& next, Flight& flight, const redis::Batch& more) {
    try {
      if (next) next->Add(flight, more);
    } catch (const std::bad_alloc&) {
      next.reset();
    }
  }

  void SendOrFail(std::optional<Round> round, Together flights) {
    if (!round) return Fail(flights, NoMemory());
    try {
      Send(*std::move(round));
    } catch (const std::bad_alloc&) {
      Fail(flights, NoMemory());
    }
  }

  /// It has an outcome, of `together` that were asked in one go.
  void Conclude(Flight& flight, std::size_t together) {
    if (const auto* why = std::get_if<MetricUnavailable>(&*flight.outcome)) {
      if (together > 1 && why->kind == UnavailableKind::kTooLarge) {
        Flight* const alone = &flight;  // That of a node of a cluster need not be for this one.
        return Ask(std::span(&alone, 1));
      }
      Tell(flight, 0, *why);
    }
    Land(flight);
  }

  /// They were asked in one go and have no answer.
  void Fail(Together flights, const MetricUnavailable& why) {
    if (flights.size() > 1 && why.kind == UnavailableKind::kTooLarge) {
      // Only one of them need be the cause. Those that share keys are not read one by one for that.
      const std::size_t most = kind_.sharing != nullptr ? (flights.size() + 1) / 2 : 1;
      while (!flights.empty()) {
        const Together some = flights.first(std::min(most, flights.size()));
        flights = flights.subspan(some.size());
        Ask(some);
      }
      return;
    }
    Tell(*flights.front(), flights.size() - 1, why);
    for (Flight* const flight : flights) Land(*flight, why);
  }

  void Land(Flight& flight, const MetricUnavailable& why) {
    flight.outcome = CopyOf(why);
    Land(flight);
  }

  void Land(Flight& flight) {
    flight.replies = {};
    flight.received = {};
    if (--in_flight_ == 0) reader_.EndTurn(kind_);  // First, since whoever gets the last answer may end the reader.
    reader_.Land(flight);
  }

  /// The source has done nothing wrong if only the one who asked was in a hurry.
  void Tell(const Flight& first, std::size_t more, const MetricUnavailable& why) const {
    if (kind_.is_hurried && why.kind == UnavailableKind::kTimeout && Clock::now() >= deadline_) return;
    reader_.Tell(first.question, more, why);
  }

  QueueReader& reader_;
  const GroupKind kind_;
  Clock::time_point deadline_;
  std::chrono::system_clock::time_point begin_;
  std::list<Flight> flights_;
  std::atomic<std::size_t> in_flight_ = 0;
};

void QueueReader::Read(std::vector<QueueQuestion> questions, Clock::time_point deadline, ReadCallback callback,
                       Clock::time_point not_before) {
  const auto request = std::make_shared<Request>(questions.size(), std::move(callback));
  std::vector<GroupPtr> ready;  // Few.
  std::vector<std::size_t> refused;
  std::size_t asked = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();  // So that of two flights with all the time of a source, the first ends first.
    try {
      for (; asked < questions.size(); ++asked) {
        const bool is_asked = Put(questions[asked], {request, asked}, {not_before, now, deadline}, ready);
        if (!is_asked) refused.push_back(asked);
      }
    } catch (const std::bad_alloc&) {  // What is not asked then is answered below.
    }
    for (const GroupPtr& group : ready) {
      group->Start(now, group->kind().TakesTurns() ? Clock::time_point::max() : deadline);
    }
  }
  for (const GroupPtr& group : ready) group->Begin();
  if (!refused.empty()) {
    const QueueQuestion& first = questions[refused.front()];
    Tell(first, refused.size() - 1, OverloadOf(*first.source));
  }
  for (const std::size_t index : refused) request->Take(index, OverloadOf(*questions[index].source));
  for (; asked < questions.size(); ++asked) request->Take(asked, NoMemory());
}

bool QueueReader::Put(QueueQuestion& question, const Waiting& waiting, const Times& times,
                      std::vector<GroupPtr>& ready) {
  const auto timeout = question.source->timeout();
  const bool is_hurried = times.deadline < times.now + timeout;
  const auto wanted_until = std::min(times.deadline, times.now + kTimeoutsForTurn * timeout);
  if (const auto same = flights_.find(&question); same != flights_.end()) {
    Flight& flight = *same->second;
    const bool answers_us = flight.began ? *flight.began >= times.not_before &&
                                               flight.deadline <= std::min(times.deadline, times.now + timeout)
                                         : !is_hurried;
    if (answers_us) {
      flight.others.push_back(waiting);
      if (!flight.began) flight.wanted_until = std::max(flight.wanted_until, wanted_until);
      return true;
    }
  }
  const bool shares = question.layout->SharesKeys(question.wanted) && !question.source->is_cluster();
  Group* const group = GroupFor({question.source, shares ? question.layout.get() : nullptr, is_hurried}, ready);
  if (group == nullptr) return false;
  Flight& flight = group->Add(std::move(question), waiting, wanted_until);
  if (is_hurried) return true;  // Others would be cut off with it.
  try {
    flights_.erase(&flight.question);  // Whoever comes now is better off with the later answer.
    flights_.emplace(&flight.question, &flight);
  } catch (const std::bad_alloc&) {  // It is nobody else's, then.
  }
  return true;
}

QueueReader::Group* QueueReader::GroupFor(const GroupKind& kind, std::vector<GroupPtr>& ready) {
  for (const GroupPtr& group : ready) {
    if (group->kind() == kind && !group->IsFull()) return group.get();
  }
  if (kind.TakesTurns()) {
    if (const auto turn = turns_.find(kind); turn != turns_.end()) {
      std::deque<GroupPtr>& gathered = turn->second;
      if (gathered.empty() || gathered.back()->IsFull()) {
        if (gathered.size() == kMostWaitingGroups) return nullptr;
        gathered.push_back(std::make_shared<Group>(*this, kind));
      }
      return gathered.back().get();
    }
  }
  ready.reserve(ready.size() + 1);
  auto group = std::make_shared<Group>(*this, kind);
  if (kind.TakesTurns()) turns_[kind];
  return ready.emplace_back(std::move(group)).get();
}

void QueueReader::Tell(const QueueQuestion& first, std::size_t more, const MetricUnavailable& why) const {
  try {
    std::string queues = first.name_in_redis;
    if (more > 0) queues += " and " + std::to_string(more) + " more";
    observer_.OnError(first.source->name(), queues, why.kind, why.text);
  } catch (const std::bad_alloc&) {  // Those that wait for an answer need it more than a log does.
  }
}

void QueueReader::Land(Flight& flight) {
  std::vector<Waiting> others;
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

void QueueReader::EndTurn(const GroupKind& kind) {
  if (!kind.TakesTurns()) return;
  GroupPtr next;
  {
    const std::lock_guard lock(mutex_);
    const auto turn = turns_.find(kind);
    if (turn->second.empty()) {
      turns_.erase(turn);
      return;
    }
    next = std::move(turn->second.front());
    turn->second.pop_front();
    next->Start(Clock::now(), Clock::time_point::max());
  }
  next->Begin();
}

}  // namespace metrics
