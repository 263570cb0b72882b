#include "metrics/layouts/rq.h"

#include "metrics/layouts/preset.h"

namespace metrics::layouts {
namespace {

Preset::Keys KeysOf(const std::string& prefix) {
  return {.waiting = {{"LLEN", prefix + ":queue:{queue}"}},
          // On its way to a worker, a job is in the intermediate list.
          .in_flight = {{"LLEN", prefix + ":queue:{queue}:intermediate"}, {"ZCARD", prefix + ":wip:{queue}"}},
          .delayed = {{prefix + ":scheduled:{queue}", TimeUnit::kSeconds}},
          .oldest =
              // Jobs that were put at the front, or whose hash has expired, may be before the oldest.
          OldestJob{.candidates = {{.key = prefix + ":queue:{queue}", .last = "999"}},
                    .ask =
                        [job_key = prefix + ":job:"](std::string_view, std::string_view job, redis::Batch& batch) {
                          batch.Add({"HGET", job_key + std::string(job), "enqueued_at"});
                        },
                    .time = &TimeFromIso8601,
                    .missing = "RQ has no enqueued_at for it"}};
}

/// The members of the set are the keys of hashes. Workers of several queues count as busy with any of them: a job of
/// another queue is not to be disturbed either.
Registry Workers(const std::string& prefix) {
  return {.names = "workers",
          .has_holders = true,
          .part = &QueueParts::holders,
          .ask_names =
              [key = prefix + ":workers:{queue}"](const QueueRead& read, redis::Batch& batch) {
                batch.Add({"SRANDMEMBER", KeyOf(key, read.queue), kMaxNamesAndOne});
              },
          .ask =
              [](std::string_view, std::string_view worker, redis::Batch& batch) {
                batch.Add({"HGET", worker, "hostname"});
                batch.Add({"HGET", worker, "state"});
              },
          .entry =
              [](std::string_view, std::string_view worker, ReplyCursor& cursor) {
                const auto host = cursor.Text("HGET", worker);
                return Entry{cursor.Text("HGET", worker) == "busy" ? 1 : 0, std::string(host.value_or(""))};
              }};
}

}  // namespace

Rq::Rq(const RqOptions& options)
    : Registered({Workers(options.prefix)}, std::make_unique<Preset>(KeysOf(options.prefix))) {}

}  // namespace metrics::layouts
