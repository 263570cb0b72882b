#include "metrics/redis/cluster_source.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <iterator>
#include <new>
#include <variant>

#include "metrics/redis/error_reply.h"

namespace metrics::redis {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPatience{500};      // With a node that is asked who has which slot.
constexpr milliseconds kWhileWrong{200};    // Between two such questions.
constexpr milliseconds kWhileFine{10'000};  // Only for what nobody has asked yet; the others are told by MOVED.
constexpr milliseconds kUnused{30'000};     // A connection may be, before it is dropped.
constexpr int kMostDetours = 8;             // Of one command.

std::string SubjectFor(const std::vector<RedisEndpoint>& seeds) {
  return "Redis Cluster at " + ToString(seeds.front()) + (seeds.size() > 1 ? ", …" : "");
}

bool IsError(const Reply& reply, std::string_view code) {
  return reply.type == Reply::Type::kError && ErrorCode(reply.text) == code;
}

Reply Unavailable(const Failure& failure) {
  return {.type = Reply::Type::kUnavailable, .kind = failure.kind, .text = failure.text};
}

}  // namespace

/// A node and our connection to it.
class ClusterSource::Node final : public RedisObserver, public std::enable_shared_from_this<Node> {
 public:
  Node(ClusterSource& owner, RedisEndpoint where)
      : endpoint(std::move(where)),
        connection(owner.loop_,
                   {.endpoint = endpoint,
                    .credentials = owner.options_.credentials,
                    .timeout = owner.options_.timeout,
                    .name = owner.options_.name,
                    .tls = owner.options_.tls,
                    .protocol = owner.options_.protocol},
                   *this),
        owner_(owner) {}

  void OnRoundTrip(std::string_view source, std::chrono::nanoseconds duration) override {
    owner_.observer_.OnRoundTrip(source, duration);
  }
  void OnError(std::string_view, std::string_view, UnavailableKind, std::string_view) override {}
  void OnConnectionChange(std::string_view, bool, std::string_view) override {
    is_told = true;
    owner_.OnNodeChange();
  }

  const RedisEndpoint endpoint;
  std::atomic<bool> is_told = false;  // Whether it can be connected to.
  bool is_asked = false;              // Who has which slot. Used on the loop's thread only.
  Clock::time_point used;             // Guarded by the mutex of the owner.
  RedisConnection connection;

 private:
  ClusterSource& owner_;
};

/// What one node is asked in one round.
struct ClusterSource::Part {
  /// Commands that belong together.
  struct Piece {
    std::size_t unit;
    std::size_t count;
    bool is_asking;
  };

  NodePtr node;
  Batch batch;
  std::vector<Piece> pieces;
};

/// A batch on its way to its replies.
struct ClusterSource::Read {
  /// A transaction, or one command outside of any.
  struct Unit {
    std::size_t next;  // The first command that has no reply yet.
    std::size_t end;
    bool is_transaction;
    std::optional<RedisEndpoint> asked_at{};  // Where ASK sent the next command.
    int detours = 0;                          // Of the next command.
  };

  Batch batch;
  Clock::time_point started;
  Clock::time_point deadline;
  ResultCallback callback;
  // The parts of a round that are answered at the same time have different units.
  std::vector<Unit> units{};
  std::vector<Reply> replies{};
  std::atomic<std::size_t> unfinished_parts{0};
  std::atomic<bool> is_spoilt{false};  // There was no memory for an answer to it.

  /// With what `make_failure` returns, as far as there is memory for it.
  template <typename MakeFailure>
  void Fail(MakeFailure make_failure) const {
    Failure failure = NoMemory();
    try {
      failure = make_failure();
    } catch (const std::bad_alloc&) {  // It is that.
    }
    callback(std::move(failure));
  }

  void Fail(Unit& unit, const Failure& failure) {
    for (; unit.next < unit.end; ++unit.next) replies[unit.next] = Unavailable(failure);
  }
};

ClusterSource::ClusterSource(EventLoop& loop, ClusterOptions options, RedisObserver& observer)
    : loop_(loop),
      options_(std::move(options)),
      subject_(SubjectFor(options_.seeds)),
      observer_(observer),
      ended_{UnavailableKind::kConnection, subject_ + " is not asked any more: the server shuts down"} {
  reported_ = status();
  timer_.emplace(loop, [this] { OnTimer(); });
  const std::lock_guard lock(mutex_);
  WakeAt(Clock::now());
}

ClusterSource::~ClusterSource() {
  loop_.RunAndWait([this] {
    std::map<std::string, NodePtr> nodes;
    std::vector<ReadPtr> waiting;
    {
      const std::lock_guard lock(mutex_);
      is_known_ = false;
      may_wait_ = false;
      failure_ = std::move(ended_);
      nodes.swap(nodes_);
      waiting.swap(waiting_);
    }
    for (const auto& [name, node] : nodes) node->connection.End();
    for (const ReadPtr& read : waiting) read->Fail([this] { return *failure_; });
    timer_.reset();
  });
}

void ClusterSource::Send(Batch batch, Clock::time_point deadline, ResultCallback callback) {
  const auto read = std::make_shared<Read>();
  read->replies.resize(batch.size());
  std::size_t next = 0;
  const auto add_singles = [&](std::size_t end) {
    for (; next < end; ++next) read->units.push_back({next, next + 1, false});
  };
  for (const auto& [first, count] : batch.transactions()) {
    add_singles(first);
    next += count;
    read->units.push_back({first, next, true});
  }
  add_singles(batch.size());
  read->batch = std::move(batch);
  read->started = Clock::now();
  read->deadline = deadline;
  read->callback = std::move(callback);
  {
    std::unique_lock lock(mutex_);
    if (!is_known_ && may_wait_) {
      waiting_.push_back(read);
      WakeAt(deadline);
      return;
    }
    if (!is_known_) {
      const Failure failure = *failure_;
      lock.unlock();
      return read->callback(failure);
    }
  }
  StartRound(read);
}

void ClusterSource::StartRound(const ReadPtr& read) {
  Parts parts;
  try {
    parts = Divide(*read);
  } catch (const std::bad_alloc&) {
    return read->callback(NoMemory());
  }
  if (parts.empty()) return read->callback(std::move(read->replies));
  read->unfinished_parts = parts.size();
  for (const auto& [node, part] : parts) {
    try {
      node->connection.Send(std::move(part->batch), read->deadline,
                            [this, read, part = part](Result result) { EndPart(read, *part, std::move(result)); });
    } catch (const std::bad_alloc&) {
      EndPart(read, *part, NoMemory());
    }
  }
}

/// What each node is asked in the next round.
ClusterSource::Parts ClusterSource::Divide(Read& read) {
  Parts parts;
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  if (!is_known_) {  // It has ended since.
    for (Read::Unit& unit : read.units) read.Fail(unit, *failure_);
    return parts;
  }
  for (std::size_t index = 0; index < read.units.size(); ++index) {
    Read::Unit& unit = read.units[index];
    if (unit.next == unit.end) continue;
    const auto owner_of = [&](std::size_t command) { return owners_[HashSlot(read.batch.Key(command))]; };
    const NodePtr node = unit.asked_at                    ? NodeAt(*unit.asked_at)
                         : owner_of(unit.next) != nullptr ? owner_of(unit.next)->shared_from_this()
                                                          : nullptr;
    if (!node) {
      read.Fail(unit, {UnavailableKind::kLoading, subject_ + " has no node for a hash slot that is asked for"});
      AskForSlotsSoon();
      continue;
    }
    node->used = now;
    // Only what one node can be asked for in one go; the commands after that must be read later than these.
    std::size_t count = 1;
    const auto slot = HashSlot(read.batch.Key(unit.next));
    while (unit.next + count < unit.end) {
      const std::size_t command = unit.next + count;
      const bool is_same_slot = HashSlot(read.batch.Key(command)) == slot;
      if (!is_same_slot) unit.is_transaction = false;
      if (unit.asked_at ? !unit.is_transaction : owner_of(command) != node.get()) break;
      ++count;
    }
    std::shared_ptr<Part>& part = parts[node.get()];
    if (!part) part = std::make_shared<Part>(Part{.node = node, .batch = {}, .pieces = {}});
    part->pieces.push_back({index, count, unit.asked_at.has_value()});
    if (unit.asked_at) part->batch.Add({"ASKING"});
    if (unit.is_transaction) part->batch.BeginTransaction();
    for (std::size_t i = 0; i < count; ++i) part->batch.AddFrom(read.batch, unit.next + i);
    if (unit.is_transaction) part->batch.EndTransaction();
  }
  return parts;
}

void ClusterSource::EndPart(const ReadPtr& read, const Part& part, Result result) {
  try {
    TakePart(*read, part, std::move(result));
  } catch (const std::bad_alloc&) {
    read->is_spoilt = true;
  }
  if (--read->unfinished_parts > 0) return;
  read->is_spoilt ? read->callback(NoMemory()) : StartRound(read);
}

void ClusterSource::TakePart(Read& read, const Part& part, Result result) {
  const std::lock_guard lock(mutex_);
  if (const auto* const failure = std::get_if<Failure>(&result)) {
    AskForSlotsSoon();
    for (const Part::Piece& piece : part.pieces) read.Fail(read.units[piece.unit], *failure);
    return;
  }
  auto next = std::make_move_iterator(std::get<std::vector<Reply>>(result).begin());
  for (const auto& [unit, count, was_asking] : part.pieces) {
    if (was_asking) ++next;
    // Once a command has to be asked again, so have those after it.
    const std::size_t end = read.units[unit].next + count;
    for (std::size_t command = end - count; command < end; ++command, ++next) {
      if (read.units[unit].next == command) TakeReply(read, unit, *part.node, was_asking, *next);
    }
  }
}

void ClusterSource::TakeReply(Read& read, std::size_t index, const Node& node, bool was_asking, Reply reply) {
  Read::Unit& unit = read.units[index];
  const auto slot = HashSlot(read.batch.Key(unit.next));
  const auto redirection =
      reply.type == Reply::Type::kError ? ParseRedirection(reply.text, node.endpoint.host) : std::nullopt;
  bool is_final = false;
  if (redirection && !redirection->is_moved) {
    unit.asked_at = redirection->to;
  } else if (redirection) {
    owners_[slot] = NodeAt(redirection->to).get();
    unit.asked_at.reset();
    AskForSlotsSoon();
  } else if (unit.is_transaction && IsError(reply, "TRYAGAIN")) {
    // The slot is being moved, and the keys of the transaction, of which some may not exist, are not all on one side.
    unit.is_transaction = false;
    unit.asked_at.reset();
  } else {
    is_final = was_asking || owners_[slot] == &node;
  }
  if (is_final) {
    if (IsError(reply, "CLUSTERDOWN")) AskForSlotsSoon();
    read.replies[unit.next++] = std::move(reply);
    unit.asked_at.reset();
    unit.detours = 0;
  } else if (++unit.detours > kMostDetours) {
    read.Fail(unit, {UnavailableKind::kLoading, node.connection.subject() + " and others send a key back and forth"});
  }
}

void ClusterSource::OnTimer() {
  try {
    if (FailLate()) AskForSlots();
  } catch (const std::bad_alloc&) {
    const std::lock_guard lock(mutex_);
    WakeAt(Clock::now() + kWhileWrong);
  }
}

bool ClusterSource::FailLate() {
  const auto now = Clock::now();
  std::vector<ReadPtr> late;
  bool must_ask = false;
  {
    const std::lock_guard lock(mutex_);
    wake_at_ = Clock::time_point::max();
    const auto is_early = [now](const ReadPtr& read) { return read->deadline > now; };
    const auto first_late = std::stable_partition(waiting_.begin(), waiting_.end(), is_early);
    late.assign(first_late, waiting_.end());
    waiting_.erase(first_late, waiting_.end());
    for (const ReadPtr& read : waiting_) WakeAt(read->deadline);
    must_ask = ask_at_ <= now;
    if (!must_ask) WakeAt(ask_at_);
  }
  for (const ReadPtr& read : late) {
    read->Fail([&] {
      const auto allowed = std::chrono::round<milliseconds>(read->deadline - read->started);
      return Failure{UnavailableKind::kTimeout,
                     subject_ + " could not be connected within " + std::to_string(allowed.count()) + " ms"};
    });
  }
  return must_ask;
}

void ClusterSource::AskForSlots() {
  const auto now = Clock::now();
  std::vector<NodePtr> asked;
  std::vector<NodePtr> unused;  // Their connections end here, without the lock.
  milliseconds patience;
  {
    const std::lock_guard lock(mutex_);
    const std::set<Node*> owners = Owners();
    asked_at_ = now;
    ask_at_ = now + (StatusOf(owners).up ? kWhileFine : kWhileWrong);
    WakeAt(ask_at_);
    for (Node* const node : owners) {
      if (node->connection.status().up) asked.push_back(node->shared_from_this());
    }
    if (!asked.empty()) {
      asked = {asked[turn_++ % asked.size()]};
    } else {
      for (const RedisEndpoint& seed : options_.seeds) {
        if (NodePtr node = NodeAt(seed)) asked.push_back(std::move(node));
      }
    }
    unused = TakeUnused();
    // Until one has answered, none is given up before its time.
    patience = is_known_ ? kPatience : std::max(kPatience, options_.timeout);
  }
  unused.clear();
  std::erase_if(asked, [](const NodePtr& node) { return std::exchange(node->is_asked, true); });
  unanswered_ += asked.size();
  for (const NodePtr& node : asked) {
    try {
      Batch batch;
      batch.Add({"CLUSTER", "SLOTS"});
      node->connection.Send(std::move(batch), now + patience,
                            [this, node](const Result& answer) { TakeSlots(*node, answer); });
    } catch (const std::bad_alloc&) {
      TakeSlots(*node, NoMemory());
    }
  }
}

void ClusterSource::TakeSlots(Node& node, const Result& answer) {
  node.is_asked = false;
  --unanswered_;
  std::optional<Failure> problem;
  try {
    problem = UseSlots(node, answer);
    if (problem) problem->text = subject_ + " cannot be learnt: " + problem->text;
  } catch (const std::bad_alloc&) {
    problem = NoMemory();
  }
  const bool is_learnt = !problem;
  std::vector<ReadPtr> waiting;
  {
    const std::lock_guard lock(mutex_);
    if (problem) failure_ = *std::move(problem);
    if (!is_known_ && unanswered_ == 0) may_wait_ = false;
    if (is_known_ || !may_wait_) waiting.swap(waiting_);
  }
  for (const ReadPtr& read : waiting) {
    is_learnt ? StartRound(read) : read->Fail([this] { return *failure_; });
  }
  try {
    Report();
  } catch (const std::bad_alloc&) {  // It is told with the next report.
  }
}

std::optional<Failure> ClusterSource::UseSlots(const Node& node, const Result& answer) {
  if (const auto* const failure = std::get_if<Failure>(&answer)) return *failure;
  const Reply& reply = std::get<std::vector<Reply>>(answer).front();
  const std::string& subject = node.connection.subject();
  if (reply.type == Reply::Type::kError) {
    return Failure{KindOfError(reply.text), subject + " answered " + QuoteError(reply.text)};
  }
  const auto ranges = ParseClusterSlots(reply, node.endpoint.host);
  if (!ranges) return Failure{UnavailableKind::kProtocol, subject + " does not answer CLUSTER SLOTS as Redis does"};
  if (ranges->empty()) return Failure{UnavailableKind::kLoading, subject + " knows no node with hash slots"};
  const std::lock_guard lock(mutex_);
  decltype(owners_) owners{};
  for (const auto& [first, last, master] : *ranges) {
    std::fill(owners.begin() + first, owners.begin() + last + 1, NodeAt(master).get());
  }
  owners_ = owners;
  is_known_ = true;
  return std::nullopt;
}

void ClusterSource::OnNodeChange() {
  {
    const std::lock_guard lock(mutex_);
    if (is_known_ && !StatusOf(Owners()).up) AskForSlotsSoon();
  }
  Report();
}

void ClusterSource::Report() {
  SourceStatus current;
  {
    const std::lock_guard lock(mutex_);
    if (!is_known_ && may_wait_) return;
    const std::set<Node*> owners = Owners();
    // A node that was just learnt of is not lost.
    const auto is_told = [](const Node* node) { return node->is_told.load(); };
    if (!std::all_of(owners.begin(), owners.end(), is_told)) return;
    current = StatusOf(owners);
  }
  if (current == reported_) return;
  observer_.OnConnectionChange(options_.name, current.up, current.cause);
  reported_ = std::move(current);
}

SourceStatus ClusterSource::status() const {
  const std::lock_guard lock(mutex_);
  return StatusOf(Owners());
}

SourceStatus ClusterSource::StatusOf(const std::set<Node*>& owners) const {
  if (!is_known_) return {.up = false, .cause = failure_ ? failure_->text : subject_ + " is not connected yet"};
  std::size_t lost = 0;
  std::string cause;
  for (const Node* const node : owners) {
    if (const SourceStatus status = node->connection.status(); !status.up) {
      ++lost;
      cause = status.cause;
    }
  }
  if (lost > 0) {
    return {.up = false,
            .cause = subject_ + ": " + std::to_string(lost) + " of " + std::to_string(owners.size()) +
                     (owners.size() == 1 ? " node" : " nodes") + (lost == 1 ? " is" : " are") +
                     " not connected: " + cause};
  }
  const auto unowned = std::count(owners_.begin(), owners_.end(), nullptr);
  if (unowned > 0)
    return {.up = false, .cause = subject_ + ": " + std::to_string(unowned) + " hash slots have no node"};
  return {.up = true};
}

std::set<ClusterSource::Node*> ClusterSource::Owners() const {
  std::set<Node*> owners;
  Node* last = nullptr;
  for (Node* const owner : owners_) {
    if (owner != nullptr && owner != last) owners.insert(owner);
    last = owner;
  }
  return owners;
}

ClusterSource::NodePtr ClusterSource::NodeAt(const RedisEndpoint& endpoint) {
  const std::string name = ToString(endpoint);
  NodePtr& node = nodes_[name];
  if (!node) {
    try {
      node = std::make_shared<Node>(*this, endpoint);
    } catch (const std::exception&) {
      nodes_.erase(name);  // No descriptor or no memory is left: like a node that is not there.
      return nullptr;
    }
  }
  node->used = Clock::now();
  return node;
}

std::vector<ClusterSource::NodePtr> ClusterSource::TakeUnused() {
  const std::set<Node*> owners = Owners();
  const auto long_ago = Clock::now() - kUnused;
  std::vector<NodePtr> unused;
  unused.reserve(nodes_.size());
  for (auto it = nodes_.begin(); it != nodes_.end();) {
    const NodePtr& node = it->second;
    // Whoever else has it lets go of it on any thread, and a connection ends on the loop.
    const bool is_ours_alone = node.use_count() == 1;
    if (node->used < long_ago && !owners.contains(node.get()) && is_ours_alone) {
      unused.push_back(node);
      it = nodes_.erase(it);
    } else {
      ++it;
    }
  }
  return unused;
}

void ClusterSource::AskForSlotsSoon() {
  ask_at_ = std::min(ask_at_, std::max(Clock::now(), asked_at_ + kWhileWrong));
  WakeAt(ask_at_);
}

void ClusterSource::WakeAt(Clock::time_point when) {
  if (when >= wake_at_) return;
  wake_at_ = when;
  timer_->Set(when);
}

}  // namespace metrics::redis
