// Huey: a list (or, with priorities, a sorted set) of waiting tasks, a sorted set of scheduled ones (also retries).
// What a consumer has taken is in no key.
#pragma once

#include <string>
#include <string_view>

#include "metrics/layouts/preset.h"

namespace metrics::layouts {

struct HueyOptions {
  /// PriorityRedisHuey.
  bool priority = false;
  /// Its argument clean_name: keys lose all characters of the name but letters, digits and "_".
  bool clean_name = true;
};

/// The queue is the name given to Huey.
class Huey final : public Preset {
 public:
  explicit Huey(const HueyOptions& options = {});

 private:
  std::string NameInKeys(std::string_view queue) const override;

  const bool clean_name_;
};

}  // namespace metrics::layouts
