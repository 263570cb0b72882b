#include "metrics/layouts/rq.h"

namespace metrics::layouts {

Rq::Rq(const RqOptions& options)
    : Preset({.waiting = {{"LLEN", options.prefix + ":queue:{queue}"}},
              // On its way to a worker, a job is in the intermediate list.
              .in_flight = {{"LLEN", options.prefix + ":queue:{queue}:intermediate"},
                            {"ZCARD", options.prefix + ":wip:{queue}"}},
              .delayed = {{options.prefix + ":scheduled:{queue}", TimeUnit::kSeconds}},
              .oldest = OldestJob{.candidates = {{.key = options.prefix + ":queue:{queue}"}},
                                  .ask =
                                      [job_key = options.prefix + ":job:"](std::string_view, std::string_view job,
                                                                           redis::Batch& batch) {
                                        batch.Add({"HGET", job_key + std::string(job), "enqueued_at"});
                                      },
                                  .time = &TimeFromIso8601,
                                  .missing = "RQ has no enqueued_at for it"}}) {}

}  // namespace metrics::layouts
