// Dramatiq: a list of message ids and a hash of all messages that are not done, and the same for those that are
// delayed.
#pragma once

#include <string>

#include "metrics/layouts/message_hash.h"

namespace metrics::layouts {

struct DramatiqOptions {
  /// The namespace of the RedisBroker.
  std::string prefix = "dramatiq";
};

/// Workers fetch more messages than they run, and all that they have fetched is in flight.
class Dramatiq final : public MessageHash {
 public:
  explicit Dramatiq(const DramatiqOptions& options = {});

  QueueParts Offers() const override;

 private:
  std::string Key(std::string_view queue) const override;
  bool Matters(const QueueParts& wanted) const override {
    return wanted.waiting || wanted.delayed || wanted.oldest_age;
  }
  std::optional<QueueCounts> CountMessages(const QueueRead& read, const Messages& messages, Replies further,
                                           redis::Batch& more) const override;

  const std::string delayed_;  // A pattern.
};

}  // namespace metrics::layouts
