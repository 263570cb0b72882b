#include "metrics/layouts/resque.h"

#include <algorithm>

#include "metrics/layouts/preset.h"
#include "metrics/layouts/shared_job.h"

namespace metrics::layouts {
namespace {

/// Of one second's list, as many jobs are looked at; those beyond could be of any queue and count for each. With all
/// the seconds that there may be, they still fit into a reply.
constexpr std::string_view kLastJob = "19";

Registry Workers(const std::string& prefix) {
  const std::string key = prefix + ":worker:{worker}";
  return {.names = "workers",
          .has_holders = true,
          .part = &QueueParts::in_flight,
          .count = &QueueCounts::in_flight,
          .ask_names =
              [workers = prefix + ":workers"](const QueueRead&, redis::Batch& batch) {
                batch.Add({"SRANDMEMBER", workers, kMaxNamesAndOne});
              },
          .ask =
              [key](std::string_view queue, std::string_view worker, redis::Batch& batch) {
                batch.Add({"GET", KeyOf(key, queue, worker)});
              },
          .entry =
              [key](std::string_view queue, std::string_view worker, ReplyCursor& cursor) {
                const auto work = cursor.Text("GET", KeyOf(key, queue, worker));
                return Entry{work && MayBeOf(queue, *work) ? 1 : 0, std::string(worker)};
              }};
}

/// The seconds for which jobs are delayed, if they are `due` or if they are not. All queues share them.
Registry Seconds(const std::string& prefix, bool due) {
  const std::string key = prefix + ":delayed:{worker}";
  return {.names = due ? "seconds with jobs that are due" : "seconds with delayed jobs",
          .part = due ? &QueueParts::waiting : &QueueParts::delayed,
          .count = due ? &QueueCounts::waiting : &QueueCounts::delayed,
          .ask_names =
              [schedule = prefix + ":delayed_queue_schedule", due](const QueueRead& read, redis::Batch& batch) {
                const std::string now = DueScore(read.now, TimeUnit::kSeconds);
                batch.Add({"ZRANGEBYSCORE", schedule, due ? "-inf" : "(" + now, due ? now : "+inf", "LIMIT", "0",
                           kMaxNamesAndOne});
              },
          .ask =
              [key](std::string_view queue, std::string_view second, redis::Batch& batch) {
                const std::string list = KeyOf(key, queue, second);
                batch.Add({"LLEN", list});
                batch.Add({"LRANGE", list, "0", kLastJob});
              },
          .entry =
              [key](std::string_view queue, std::string_view second, ReplyCursor& cursor) {
                const std::string list = KeyOf(key, queue, second);
                const std::int64_t all = cursor.Count("LLEN", list);
                const auto seen = cursor.Texts("LRANGE", list);
                const auto of_others = std::count_if(seen.begin(), seen.end(),
                                                     [queue](std::string_view job) { return !MayBeOf(queue, job); });
                return Entry{std::max<std::int64_t>(0, all - of_others)};
              }};
}

}  // namespace

Resque::Resque(const ResqueOptions& options)
    : Registered({Seconds(options.prefix, true), Seconds(options.prefix, false), Workers(options.prefix)},
                 std::make_unique<Preset>(Preset::Keys{.waiting = {{"LLEN", options.prefix + ":queue:{queue}"}}})) {}

}  // namespace metrics::layouts
