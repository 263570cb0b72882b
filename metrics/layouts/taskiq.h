// taskiq-redis: ListQueueBroker pops tasks from a list and keeps nothing of them, RedisStreamBroker reads a stream as a
// consumer group. Scheduled tasks are in a source of their own, of which there are many kinds.
#pragma once

#include <string>

#include "metrics/layouts/list.h"
#include "metrics/layouts/stream.h"

namespace metrics::layouts {

using TaskiqList = List;

struct TaskiqStreamOptions {
  /// consumer_group_name of the broker.
  std::string group = "taskiq";
};

class TaskiqStream final : public Stream {
 public:
  explicit TaskiqStream(const TaskiqStreamOptions& options = {}) : Stream({.groups = {options.group}}) {}
};

}  // namespace metrics::layouts
