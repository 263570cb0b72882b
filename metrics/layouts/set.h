// A plain set: each member is a job, until somebody SPOPs it.
#pragma once

#include "metrics/layouts/preset.h"

namespace metrics::layouts {

class Set final : public Preset {
 public:
  Set() : Preset({.waiting = {{"SCARD"}}}) {}
};

}  // namespace metrics::layouts
