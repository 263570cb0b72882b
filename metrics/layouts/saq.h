// SAQ: lists of queued and active jobs, and a sorted set of all that are not complete, scored by when they are due.
#pragma once

#include "metrics/layouts/preset.h"

namespace metrics::layouts {

class Saq final : public Preset {
 public:
  Saq();
};

}  // namespace metrics::layouts
