#include "metrics/layouts/bullmq.h"

#include <algorithm>

#include "metrics/layouts/bull.h"

namespace metrics::layouts {
namespace {

/// While only delayed jobs are left, BullMQ 4 puts this and the time of the next into the list of waiting jobs.
constexpr std::string_view kMarker = "0:";

}  // namespace

BullMq::BullMq(const BullMqOptions& options)
    : Preset({.waiting = {{"LLEN", options.prefix + ":{queue}:wait"},
                          {"LLEN", options.prefix + ":{queue}:paused"},
                          {"ZCARD", options.prefix + ":{queue}:prioritized"}},
              .in_flight = {{"LLEN", options.prefix + ":{queue}:active"}},
              .delayed = {{options.prefix + ":{queue}:delayed", TimeUnit::kMilliseconds4096}},
              .oldest = OldestBullJob(
                  options.prefix,
                  {{.key = options.prefix + ":{queue}:wait", .first = "-8", .last = "-1"},
                   {.key = options.prefix + ":{queue}:paused", .first = "-8", .last = "-1"},
                   // Ordered by priority, so that any of them may be the oldest.
                   {.key = options.prefix + ":{queue}:prioritized", .command = "ZRANGE", .last = "999"}})}),
      wait_(options.prefix + ":{queue}:wait") {}

void BullMq::Ask(const QueueRead& read, redis::Batch& batch) const {
  if (read.wanted.waiting) batch.Add({"LINDEX", KeyOf(wait_, read.queue), "-1"});
  Preset::Ask(read, batch);
}

std::optional<QueueCounts> BullMq::Count(const QueueRead& read, std::span<const redis::Reply> replies,
                                         redis::Batch& more) const {
  if (!read.wanted.waiting) return Preset::Count(read, replies, more);
  ReplyCursor cursor(replies);
  const auto last = cursor.Text("LINDEX", KeyOf(wait_, read.queue));
  auto counts = Preset::Count(read, replies.subspan(1), more);
  if (counts && last && last->substr(0, kMarker.size()) == kMarker) {
    counts->waiting = std::max<std::int64_t>(0, counts->waiting - 1);
  }
  return counts;
}

}  // namespace metrics::layouts
