#include "metrics/layouts/counter.h"

#include <charconv>
#include <string>

#include "metrics/go_quote.h"
#include "metrics/layouts/reply_cursor.h"
#include "metrics/metric_provider.h"

namespace metrics::layouts {

void Counter::Ask(const QueueRead& read, redis::Batch& batch) const { batch.Add({"GET", read.queue}); }

std::optional<QueueCounts> Counter::Count(const QueueRead& read, Replies replies, redis::Batch& /*more*/) const {
  const auto text = ReplyCursor(replies).Text("GET", read.queue);
  if (!text) return QueueCounts{};
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || end != text->data() + text->size() || number < 0) {
    constexpr std::size_t kLongest = 40;
    throw MetricUnavailableError(
        UnavailableKind::kWrongType,
        "the key " + GoQuote(read.queue) + " holds " + GoQuote(text->substr(0, kLongest)) + ", not a number of jobs");
  }
  return QueueCounts{.waiting = number};
}

}  // namespace metrics::layouts
