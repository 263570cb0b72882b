// Laravel's Redis queues: a list of waiting jobs, sorted sets of reserved and of delayed ones (also releases).
#pragma once

#include <string>

#include "metrics/layouts/preset.h"

namespace metrics::layouts {

struct LaravelOptions {
  /// The prefix of the connection: REDIS_PREFIX, or made from APP_NAME. This is that of Laravel 13 without either.
  std::string prefix = "laravel-database-";
  /// Braces around the queue's name, unless it has some, as Laravel writes it on connections to a cluster.
  bool hash_tag = false;
};

class Laravel final : public Preset {
 public:
  explicit Laravel(const LaravelOptions& options = {});

 private:
  std::string NameInKeys(std::string_view queue) const override;

  const bool hash_tag_;
};

}  // namespace metrics::layouts
