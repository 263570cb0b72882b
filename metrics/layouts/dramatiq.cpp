#include "metrics/layouts/dramatiq.h"

#include <algorithm>

#include "metrics/json.h"
#include "metrics/layouts/preset.h"

namespace metrics::layouts {
namespace {

std::optional<TimePoint> TimeIn(const Json& milliseconds) {
  const auto number = milliseconds.Number();
  return number ? TimeFromNumber(*number, TimeUnit::kMilliseconds) : std::nullopt;
}

std::optional<TimePoint> TimeOfMessage(std::string_view json) {
  const Json message = Json::ParseJob(json);
  const auto sent = TimeIn(message["message_timestamp"]);
  return sent ? std::max(sent, TimeIn(message["options"]["requeue_timestamp"])) : sent;
}

/// The queue without its delayed messages.
std::unique_ptr<const QueueLayout> Undelayed(const std::string& prefix) {
  const std::string list = prefix + ":{queue}";
  const std::string hash = list + ".msgs";
  const auto ask = [hash](std::string_view queue, std::string_view id, redis::Batch& batch) {
    batch.Add({"HGET", KeyOf(hash, queue), id});
  };
  return std::make_unique<Preset>(Preset::Keys{
      .waiting = {{"LLEN", list}},
      .in_flight = {{"LLEN", list, -1}, {"HLEN", hash}},  // The hash has the messages that wait too.
      // Messages of workers that are gone come back at the end.
      .oldest = OldestJob{.candidates = {{.key = list, .last = "19"}, {.key = list, .first = "-20", .last = "-1"}},
                          .ask = ask,
                          .time = &TimeOfMessage,
                          .missing = "it has no message_timestamp"}});
}

}  // namespace

Dramatiq::Dramatiq(const DramatiqOptions& options)
    : MessageHash(Undelayed(options.prefix)), delayed_(options.prefix + ":{queue}.DQ.msgs") {}

QueueParts Dramatiq::Offers() const {
  QueueParts parts = RestOffers();
  parts.delayed = true;
  return parts;
}

std::string Dramatiq::Key(std::string_view queue) const { return KeyOf(delayed_, queue); }

std::optional<QueueCounts> Dramatiq::CountMessages(const QueueRead& read, const Messages& messages, Replies /*further*/,
                                                   redis::Batch& /*more*/) const {
  QueueCounts counts;
  for (const std::string_view text : messages) {
    const auto due = TimeIn(Json::ParseJob(text)["options"]["eta"]);
    ++(due && *due > read.now ? counts.delayed : counts.waiting);
    counts.oldest_age = std::max(counts.oldest_age, AgeSince(due, read.now));
  }
  return counts;
}

}  // namespace metrics::layouts
