// RQ: a list of job ids, a sorted set of what workers have in hand, another of what is scheduled (also retries), and a
// hash for each worker.
#pragma once

#include <string>

#include "metrics/layouts/registered.h"

namespace metrics::layouts {

struct RqOptions {
  /// RQ_KEY_PREFIX of RQ 3; "{rq}" keeps a cluster's keys together.
  std::string prefix = "rq";
};

class Rq final : public Registered {
 public:
  explicit Rq(const RqOptions& options = {});
};

}  // namespace metrics::layouts
