// asynq: lists of pending and active tasks, sorted sets of scheduled ones, of retries, and of each group to be
// aggregated.
#pragma once

#include "metrics/layouts/registered.h"

namespace metrics::layouts {

/// Tasks of a group wait for a server to aggregate them. Servers report every five seconds what they work on, so who
/// holds a task is that old.
class Asynq final : public Registered {
 public:
  Asynq();
};

}  // namespace metrics::layouts
