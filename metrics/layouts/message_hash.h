// For frameworks that keep messages of several kinds in one hash, so that each message must be read to be counted.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/queue_layout.h"

namespace metrics::layouts {

/// A queue with such a hash, and the rest of it as another layout says. If the hash is empty, one round tells.
/// Otherwise the rounds are: how many messages, which, how long, and at last all the messages and the rest at once.
/// Asking one by one for those found before would leave out what came since, which could be of any queue.
class MessageHash : public QueueLayout {
 public:
  /// More than these are an error.
  static constexpr std::size_t kMaxMessages = 5000;
  static constexpr std::size_t kMaxBytes = std::size_t{8} << 20U;

  explicit MessageHash(std::unique_ptr<const QueueLayout> rest) : rest_(std::move(rest)) {}

  void Ask(const QueueRead& read, redis::Batch& batch) const final;
  std::optional<QueueCounts> Count(const QueueRead& read, Replies replies, redis::Batch& more) const final;

 protected:
  using Messages = std::vector<std::string_view>;

  QueueParts RestOffers() const { return rest_->Offers(); }

 private:
  virtual std::string Key(std::string_view queue) const = 0;
  /// Whether the messages matter to these parts.
  virtual bool Matters(const QueueParts& wanted) const = 0;
  /// What the messages add to the counts of the rest. `further` are the replies to what it added to `more` before, and
  /// it returns nothing if that does not suffice.
  virtual std::optional<QueueCounts> CountMessages(const QueueRead& read, const Messages& messages, Replies further,
                                                   redis::Batch& more) const = 0;

  const std::unique_ptr<const QueueLayout> rest_;
};

}  // namespace metrics::layouts
