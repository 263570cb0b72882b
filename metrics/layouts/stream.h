// A stream: as long as it is, or what its consumer groups have still to do.
#pragma once

#include <string>
#include <vector>

#include "metrics/queue_layout.h"

namespace metrics::layouts {

struct StreamOptions {
  /// Consumer groups, each of which has to handle every entry; what they have to do adds up. None: every entry of the
  /// stream is a job, until it is deleted.
  std::vector<std::string> groups{};
};

/// With groups: waiting is what was never delivered, in flight what was and is not acknowledged.
///
/// Redis' own `lag` is nothing or wrong once entries were deleted, the stream was trimmed or a group was put somewhere
/// in the middle, so it is believed only where nothing of the kind can have happened. Elsewhere the entries are
/// counted, in ten pages of up to a hundred; beyond that the answer is the least that is no less than what waits: of
/// `lag`, of what was added since the group's last entry, and of the length of the stream.
///
/// A stream that does not exist is empty. A group that does not exist has read nothing: all entries wait, so that the
/// worker is started that creates it.
class Stream : public QueueLayout {
 public:
  explicit Stream(StreamOptions options = {}) : groups_(std::move(options.groups)) {}

  QueueParts Offers() const override;
  void Ask(const QueueRead& read, redis::Batch& batch) const override;
  std::optional<QueueCounts> Count(const QueueRead& read, Replies replies, redis::Batch& more) const override;

 private:
  const std::vector<std::string> groups_;
};

}  // namespace metrics::layouts
