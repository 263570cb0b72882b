// A Redis Cluster: each command goes to the node that has its key, wherever that is just now.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "metrics/redis/cluster_slots.h"
#include "metrics/redis/event_loop.h"
#include "metrics/redis/redis_connection.h"
#include "metrics/redis/redis_observer.h"
#include "metrics/redis/redis_options.h"
#include "metrics/redis/redis_source.h"

namespace metrics::redis {

/// A batch is split by node, and each node gets its part in one pipeline. Only masters are asked. What a node sends
/// elsewhere (MOVED, ASK) is asked there, while there is time. A reply counts only if its node has the key by the
/// newest that is known when it arrives. Commands of a node that cannot be asked get replies of the type kUnavailable.
///
/// A transaction is one as long as its keys have one slot, which is not being moved. Otherwise its commands are still
/// read one after the other, so that a job on the move from one to the next is met.
///
/// Which node has what is asked with CLUSTER SLOTS: of all seeds first, later of one node, every few seconds, and a few
/// times a second while something is wrong.
///
/// Safe to call from several threads at once.
class ClusterSource final : public RedisSource {
 public:
  using Clock = std::chrono::steady_clock;

  /// `loop` and `observer` must outlive the source.
  /// Throws std::system_error.
  ClusterSource(EventLoop& loop, ClusterOptions options, RedisObserver& observer);
  ~ClusterSource() override;

  void Send(Batch batch, Clock::time_point deadline, ResultCallback callback) override;

  SourceStatus status() const override;
  bool is_cluster() const override { return true; }
  const std::string& name() const override { return options_.name; }
  const std::string& subject() const override { return subject_; }
  std::chrono::milliseconds timeout() const override { return options_.timeout; }

 private:
  class Node;
  struct Part;
  struct Read;
  using NodePtr = std::shared_ptr<Node>;
  using ReadPtr = std::shared_ptr<Read>;
  using Parts = std::map<Node*, std::shared_ptr<Part>>;

  // A read goes in rounds, until each of its commands has its reply, or there is no memory to go on.
  void StartRound(const ReadPtr& read);
  Parts Divide(Read& read);
  void EndPart(const ReadPtr& read, const Part& part, Result result);
  void TakePart(Read& read, const Part& part, Result result);

  // On the loop's thread.
  void OnTimer();
  /// Fails those that have waited too long for the nodes to be known. Whether it is time to ask who they are.
  bool FailLate();
  void AskForSlots();
  void TakeSlots(Node& node, const Result& answer);
  std::optional<Failure> UseSlots(const Node& node, const Result& answer);
  void OnNodeChange();
  void Report();

  // With mutex_ held.
  NodePtr NodeAt(const RedisEndpoint& endpoint);
  void TakeReply(Read& read, std::size_t unit, const Node& node, bool was_asking, Reply reply);
  std::set<Node*> Owners() const;
  SourceStatus StatusOf(const std::set<Node*>& owners) const;
  std::vector<NodePtr> TakeUnused();
  void AskForSlotsSoon();
  void WakeAt(Clock::time_point when);

  // Constant after construction.
  EventLoop& loop_;
  const ClusterOptions options_;
  const std::string subject_;
  RedisObserver& observer_;

  // Used on the loop's thread only.
  Failure ended_;               // Made before there is need, when there may be no memory.
  std::size_t unanswered_ = 0;  // Questions who has which slot.
  std::size_t turn_ = 0;
  SourceStatus reported_;
  std::optional<Timer> timer_;

  // Guarded by mutex_.
  mutable std::mutex mutex_;
  std::map<std::string, NodePtr> nodes_;    // By the text of their endpoint.
  std::array<Node*, kHashSlots> owners_{};  // In nodes_, or null.
  bool is_known_ = false;                   // Who owns what.
  bool may_wait_ = true;                    // For it to be known.
  std::optional<Failure> failure_;          // Of the last question.
  std::vector<ReadPtr> waiting_;            // For it to be known.
  Clock::time_point asked_at_;
  Clock::time_point ask_at_;
  Clock::time_point wake_at_ = Clock::time_point::max();
};

}  // namespace metrics::redis
