// For frameworks that keep a set of names, such as their workers', each with keys of its own that hold jobs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/layouts/job_time.h"
#include "metrics/layouts/reply_cursor.h"
#include "metrics/queue_layout.h"

namespace metrics::layouts {

/// What is under one name of a registry.
struct Entry {
  std::int64_t jobs = 0;
  /// Who has taken them, where that is known.
  std::string holder{};
  /// Since when the oldest of them waits, where that is known.
  std::optional<TimePoint> since{};
};

/// Names under which jobs of one part of the queue are kept, or under which those are known who have taken jobs.
struct Registry {
  /// As many names as one registry may hold, and what more are called in the error.
  static constexpr std::size_t kMaxNames = 1000;
  std::string_view names;
  /// Its entries tell who has taken the jobs.
  bool has_holders = false;

  bool QueueParts::*part;
  /// Null: it is only read for its holders, or for since when jobs wait.
  std::int64_t QueueCounts::*count = nullptr;
  /// Adds the one command that gives the names. It should give no more than kMaxNames + 1.
  std::function<void(const QueueRead& read, redis::Batch& batch)> ask_names;
  /// Adds the commands for one name.
  std::function<void(std::string_view queue, std::string_view name, redis::Batch& batch)> ask;
  /// What there is of the queue by the replies to those.
  std::function<Entry(std::string_view queue, std::string_view name, ReplyCursor& cursor)> entry;
};

/// SRANDMEMBER gives the whole of a set that is not larger than asked for, and is bounded if it is.
inline constexpr std::string_view kMaxNamesAndOne = "1001";

/// A queue with registries, and the rest of it as another layout says. Each round reads the registries, the keys of the
/// names known from the rounds before, and the rest; when no registry has a new name, that round saw everything at
/// once. The first round knows no names, so an idle queue takes only that one.
class Registered : public QueueLayout {
 public:
  Registered(std::vector<Registry> registries, std::unique_ptr<const QueueLayout> rest)
      : registries_(std::move(registries)), rest_(std::move(rest)) {}

  QueueParts Offers() const override;
  void Ask(const QueueRead& read, redis::Batch& batch) const override;
  std::optional<QueueCounts> Count(const QueueRead& read, Replies replies, redis::Batch& more) const override;

 private:
  /// Of each registry that is wanted, in their order.
  using Names = std::vector<std::vector<std::string_view>>;

  std::vector<const Registry*> Wanted(const QueueRead& read) const;
  void AskRound(const QueueRead& read, const Names& known, redis::Batch& batch) const;

  const std::vector<Registry> registries_;
  const std::unique_ptr<const QueueLayout> rest_;
};

}  // namespace metrics::layouts
