#include "metrics/layouts/bullmq.h"

#include <algorithm>

#include "metrics/go_quote.h"
#include "metrics/layouts/bull.h"
#include "metrics/layouts/preset.h"
#include "metrics/metric_provider.h"

namespace metrics::layouts {
namespace {

class Jobs final : public Preset {
 public:
  explicit Jobs(const std::string& prefix)
      : Preset({.waiting = {{"LLEN", prefix + ":{queue}:wait"},
                            {"LLEN", prefix + ":{queue}:paused"},
                            {"ZCARD", prefix + ":{queue}:prioritized"}},
                .in_flight = {{"LLEN", prefix + ":{queue}:active"}},
                .delayed = {{prefix + ":{queue}:delayed", TimeUnit::kMilliseconds4096}},
                .oldest = OldestBullJob(
                    prefix, {{.key = prefix + ":{queue}:wait", .first = "-8", .last = "-1"},
                             {.key = prefix + ":{queue}:paused", .first = "-8", .last = "-1"},
                             // Ordered by priority, so that any of them may be the oldest.
                             {.key = prefix + ":{queue}:prioritized", .command = "ZRANGE", .last = "999"}})}),
        lists_({prefix + ":{queue}:wait", prefix + ":{queue}:paused"}) {}

  void Ask(const QueueRead& read, redis::Batch& batch) const override {
    if (read.wanted.waiting) {
      for (const std::string& list : lists_) {
        for (const std::string_view end : {"0", "-1"}) batch.Add({"LINDEX", KeyOf(list, read.queue), end});
      }
    }
    Preset::Ask(read, batch);
  }

  std::optional<QueueCounts> Count(const QueueRead& read, Replies replies, redis::Batch& more) const override {
    if (!read.wanted.waiting) return Preset::Count(read, replies, more);
    ReplyCursor cursor(replies);
    std::int64_t markers = 0;
    for (const std::string& list : lists_) {
      const auto first = cursor.Text("LINDEX", KeyOf(list, read.queue));
      const auto last = cursor.Text("LINDEX", KeyOf(list, read.queue));
      if (IsBullMqMarker(first.value_or("")) || IsBullMqMarker(last.value_or(""))) ++markers;
    }
    auto counts = Preset::Count(read, replies.last(cursor.Remaining()), more);
    if (counts) counts->waiting = std::max<std::int64_t>(0, counts->waiting - markers);
    return counts;
  }

 private:
  const std::vector<std::string> lists_;  // Patterns of those that may have a marker: one, and mostly at an end.
};

/// A job tells which worker has it, if the worker was given a name.
Registry ActiveJobs(const std::string& prefix) {
  const std::string key = prefix + ":{queue}:{worker}";
  return {.names = "active jobs",
          .has_holders = true,
          .part = &QueueParts::holders,
          .ask_names =
              [active = prefix + ":{queue}:active"](const QueueRead& read, redis::Batch& batch) {
                batch.Add({"LRANGE", KeyOf(active, read.queue), "0", "1000"});
              },
          .ask =
              [key](std::string_view queue, std::string_view job, redis::Batch& batch) {
                batch.Add({"HGET", KeyOf(key, queue, job), "processedOn"});
                batch.Add({"HGET", KeyOf(key, queue, job), "pb"});
              },
          .entry =
              [key](std::string_view queue, std::string_view job, ReplyCursor& cursor) {
                const bool is_there = cursor.Text("HGET", KeyOf(key, queue, job)).has_value();
                const auto worker = cursor.Text("HGET", KeyOf(key, queue, job));
                if (is_there && !worker) {
                  throw MetricUnavailableError(
                      UnavailableKind::kServer,
                      "the job " + QuoteBeginning(job) +
                          " does not tell who has taken it: BullMQ's Worker takes the option name");
                }
                return Entry{is_there ? 1 : 0, std::string(worker.value_or(""))};
              }};
}

}  // namespace

BullMq::BullMq(const BullMqOptions& options)
    : Registered({ActiveJobs(options.prefix)}, std::make_unique<Jobs>(options.prefix)) {}

}  // namespace metrics::layouts
