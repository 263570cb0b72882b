// A plain hash: each field is a job, until somebody HDELs it.
#pragma once

#include "metrics/layouts/preset.h"

namespace metrics::layouts {

class Hash final : public Preset {
 public:
  Hash() : Preset({.waiting = {{"HLEN"}}}) {}
};

}  // namespace metrics::layouts
