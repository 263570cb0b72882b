#include "metrics/layouts/celery.h"

#include <algorithm>
#include <map>
#include <set>

#include "metrics/json.h"
#include "metrics/layouts/preset.h"
#include "metrics/layouts/reply_cursor.h"

namespace metrics::layouts {
namespace {

/// More bindings of one exchange are an error.
constexpr std::size_t kMaxBindings = 1000;
constexpr std::string_view kMaxBindingsAndOne = "1001";

std::unique_ptr<const QueueLayout> ListsOf(const CeleryOptions& options) {
  Preset::Keys keys;
  for (const std::int64_t step : options.priority_steps) {
    const std::string key = options.global_keyprefix + "{queue}";
    keys.waiting.push_back({"LLEN", step == 0 ? key : key + options.sep + std::to_string(step)});
  }
  return std::make_unique<Preset>(std::move(keys));
}

/// Takes the last element of a JSON array from its end, if that is a string without an escape; otherwise nothing.
std::optional<std::string_view> TakeLastString(std::string_view& elements) {
  std::string_view rest = elements.substr(0, elements.find_last_not_of(' ') + 1);
  if (!rest.ends_with('"')) return std::nullopt;
  rest.remove_suffix(1);
  const std::size_t quote = rest.rfind('"');
  if (quote == std::string_view::npos || rest.find('\\', quote == 0 ? 0 : quote - 1) != std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view text = rest.substr(quote + 1);
  rest = rest.substr(0, rest.find_last_not_of(' ', quote - 1) + 1);
  if (!rest.ends_with(',')) return std::nullopt;
  elements = rest.substr(0, rest.size() - 1);
  return text;
}

/// One of the values of "unacked": [message, exchange, routing key]. Messages may be long, and most of them are other
/// queues', so they are not read as long as the rest will do.
class Message {
 public:
  explicit Message(std::string_view json) : json_(json) {
    if (std::string_view elements = json; elements.starts_with('[') && elements.ends_with(']')) {
      elements.remove_suffix(1);
      if (const auto key = TakeLastString(elements)) routing_key = *key;
      if (const auto name = TakeLastString(elements); name && routing_key) exchange = *name;
    }
    if (!exchange) {
      const Json value = Json::ParseJob(json);
      exchange = value.At(1).Text();
      routing_key = value.At(2).Text();
    }
  }

  /// Until when it is delayed, if it is.
  std::optional<TimePoint> Eta() const {
    const auto text = Json::ParseJob(json_).At(0)["headers"]["eta"].Text();
    return text ? TimeFromIso8601(*text) : std::nullopt;
  }

  std::optional<std::string> exchange;
  std::optional<std::string> routing_key;

 private:
  std::string_view json_;
};

/// One member of an exchange's set of bindings: routing key, pattern and queue between separators.
struct Binding {
  Binding(std::string_view member, std::string_view sep) {
    routing_key = Take(member, sep);
    pattern = Take(member, sep);
    queue = member;
  }

  static std::string_view Take(std::string_view& text, std::string_view sep) {
    const std::string_view field = text.substr(0, text.find(sep));
    text.remove_prefix(std::min(text.size(), field.size() + sep.size()));
    return field;
  }

  /// Patterns are those of topic exchanges. They are regular expressions, which only kombu reads: here they match all.
  bool Matches(std::string_view queue_name, std::string_view key) const {
    return queue == queue_name && (!pattern.empty() || routing_key == key);
  }

  std::string_view routing_key;
  std::string_view pattern;
  std::string_view queue;
};

}  // namespace

Celery::Celery(CeleryOptions options) : MessageHash(ListsOf(options)), options_(std::move(options)) {}

std::string Celery::Key(std::string_view /*queue*/) const { return options_.global_keyprefix + options_.unacked_key; }

std::optional<QueueCounts> Celery::CountMessages(const QueueRead& read, const Messages& messages, Replies further,
                                                 redis::Batch& more) const {
  const std::vector<Message> parsed(messages.begin(), messages.end());
  std::set<std::string> exchanges;  // Without the default one, "", where the routing key is the queue.
  for (const Message& message : parsed) {
    if (message.exchange && !message.exchange->empty()) exchanges.insert(*message.exchange);
  }
  if (!exchanges.empty() && further.empty()) {
    for (const std::string& exchange : exchanges) {
      more.Add({"SRANDMEMBER", options_.global_keyprefix + "_kombu.binding." + exchange, kMaxBindingsAndOne});
    }
    return std::nullopt;
  }
  ReplyCursor cursor(further);
  std::map<std::string, std::vector<Binding>> bindings;
  for (const std::string& exchange : exchanges) {
    const auto members = cursor.Texts("SRANDMEMBER", "_kombu.binding." + exchange);
    if (members.size() > kMaxBindings) RejectTooMany(kMaxBindings, "queues are bound to the exchange " + exchange);
    for (const std::string_view member : members) bindings[exchange].emplace_back(member, options_.sep);
  }
  const auto is_ours = [&](const Message& message) {
    if (!message.exchange || !message.routing_key) return true;  // Whatever it is, it may be.
    if (message.exchange->empty()) return *message.routing_key == read.queue;
    const std::vector<Binding>& bound = bindings[*message.exchange];
    // Kombu forgets the bindings of what it takes for unused, which a queue is not while its message is in flight.
    return bound.empty() || std::any_of(bound.begin(), bound.end(), [&](const Binding& binding) {
             return binding.Matches(read.queue, *message.routing_key);
           });
  };
  QueueCounts counts;
  for (const Message& message : parsed) {
    if (!is_ours(message)) continue;
    const auto eta = message.Eta();
    ++(eta && *eta > read.now ? counts.delayed : counts.in_flight);
  }
  return counts;
}

}  // namespace metrics::layouts
