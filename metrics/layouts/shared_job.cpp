#include "metrics/layouts/shared_job.h"

#include "metrics/json.h"

namespace metrics::layouts {

bool MayBeOf(std::string_view queue, std::string_view json) {
  const auto of = Json::ParseJob(json)["queue"].Text();
  return !of || *of == queue;
}

}  // namespace metrics::layouts
