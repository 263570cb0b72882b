// A plain list: LPUSH here, BRPOP there. Nobody can know what has been popped.
#pragma once

#include "metrics/layouts/preset.h"

namespace metrics::layouts {

class List final : public Preset {
 public:
  List() : Preset({.waiting = {{"LLEN"}}}) {}
};

}  // namespace metrics::layouts
