#include "server/check.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <poll.h>

#include "metrics/go_quote.h"
#include "metrics/queue_config.h"
#include "metrics/queue_reader.h"
#include "metrics/redis/event_loop.h"
#include "metrics/redis/redis_observer.h"
#include "metrics/redis/redis_source.h"
#include "metrics/utf8.h"
#include "server/configuration.h"

namespace server {
namespace {

using Row = std::vector<std::string>;

std::size_t Width(std::string_view text) {
  std::size_t width = 0;
  for (; !text.empty(); ++width) {
    text.remove_prefix(std::max<std::size_t>(1, metrics::DecodeUtf8(text).length));
  }
  return width;
}

/// Columns as wide as their widest cell; the last one ends the line.
void WriteTable(const std::vector<Row>& rows, std::ostream& out) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], Width(row[i]));
    }
  }
  for (const Row& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
      out << row[i] << std::string(widths[i] - Width(row[i]) + 2, ' ');
    }
    out << row.back() << '\n';
  }
}

std::string Join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    text += (text.empty() ? "" : ",") + word;
  }
  return text;
}

std::string Join(const std::vector<metrics::redis::RedisEndpoint>& endpoints) {
  std::vector<std::string> words;
  for (const auto& endpoint : endpoints) {
    words.push_back(ToString(endpoint));
  }
  return Join(words);
}

struct ServersText {
  std::string operator()(const metrics::redis::RedisEndpoint& endpoint) const { return ToString(endpoint); }
  std::string operator()(const metrics::SentinelServers& servers) const {
    return "master " + servers.master + " of Sentinels " + Join(servers.sentinels);
  }
  std::string operator()(const metrics::ClusterServers& servers) const { return "Cluster of " + Join(servers.seeds); }
};

std::string PolicyText(const metrics::ErrorPolicy& policy) {
  if (policy.hold) {
    return "hold " + std::to_string(std::chrono::duration_cast<std::chrono::seconds>(*policy.hold).count()) + "s";
  }
  return policy.value ? "value " + std::to_string(*policy.value) : "error";
}

/// Whoever checks is told by the table.
class Nobody final : public metrics::redis::RedisObserver {
 public:
  void OnRoundTrip(std::string_view, std::chrono::nanoseconds) override {}
  void OnError(std::string_view, std::string_view, metrics::UnavailableKind, std::string_view) override {}
  void OnConnectionChange(std::string_view, bool, std::string_view) override {}
};

/// What the queues configured by name hold, in their order.
std::vector<metrics::QueueOutcome> Read(const CheckOptions& options, const metrics::QueueConfig& config) {
  Nobody nobody;
  metrics::redis::EventLoop loop;
  metrics::QueueReader reader(nobody);
  std::map<std::string, std::unique_ptr<metrics::redis::RedisSource>> sources;
  for (const metrics::SourceConfig& source : config.sources) {
    sources[source.name] = MakeSource(loop, SourceOptionsOf(options, source), nobody);
  }
  std::vector<metrics::QueueQuestion> questions;
  for (const metrics::ConfiguredQueue& queue : config.queues) {
    if (!queue.is_pattern) {
      questions.push_back(
          {sources[queue.settings.redis].get(), queue.layout, queue.name_in_redis, queue.layout->Offers()});
    }
  }
  std::vector<metrics::QueueOutcome> outcomes;
  if (questions.empty()) {
    return outcomes;
  }
  bool done = false;
  reader.Read(std::move(questions), std::chrono::steady_clock::time_point::max(),
              [&](std::vector<metrics::QueueOutcome> read) {
                outcomes = std::move(read);
                done = true;
              });
  while (!done) {
    loop.RunReady();
    if (!done) {
      pollfd ready{.fd = loop.fd(), .events = POLLIN, .revents = 0};
      ::poll(&ready, 1, -1);
    }
  }
  return outcomes;
}

/// "-" for what the layout does not tell.
std::string Number(bool is_offered, std::int64_t number) { return is_offered ? std::to_string(number) : "-"; }

void AddCells(const metrics::QueueOutcome& outcome, const metrics::QueueParts& offered, Row& row) {
  if (const auto* error = std::get_if<metrics::MetricUnavailable>(&outcome)) {
    row.insert(row.end(), {"?", "?", "?", error->text});
    return;
  }
  const metrics::QueueCounts& counts = std::get<metrics::QueueReading>(outcome).counts;
  row.insert(row.end(), {Number(offered.waiting, counts.waiting), Number(offered.in_flight, counts.in_flight),
                         Number(offered.delayed, counts.delayed),
                         Number(offered.oldest_age, counts.oldest_age.count()) + (offered.oldest_age ? "s" : "")});
}

}  // namespace

bool Check(const CheckOptions& options, std::ostream& out) {
  const metrics::QueueConfig config = LoadConfiguration(options);
  std::vector<Row> redis{{"REDIS", "TLS", "TIMEOUT", "SERVERS"}};
  for (const metrics::SourceConfig& source : config.sources) {
    redis.push_back({source.name, source.tls ? "yes" : "no", std::to_string(source.timeout.count()) + "ms",
                     std::visit(ServersText(), source.servers)});
  }
  std::vector<metrics::QueueOutcome> outcomes;
  if (options.connect) {
    outcomes = Read(options, config);
  }
  std::vector<Row> queues{{"QUEUE", "IN REDIS", "REDIS", "LAYOUT", "NAMESPACES", "ON ERROR"}};
  if (options.connect) {
    queues[0].insert(queues[0].end(), {"WAITING", "IN FLIGHT", "DELAYED", "OLDEST"});
  }
  auto outcome = outcomes.begin();
  for (const metrics::ConfiguredQueue& queue : config.queues) {
    const metrics::QueueSettings& settings = queue.settings;
    Row& row = queues.emplace_back(
        Row{queue.name, metrics::GoQuote(queue.name_in_redis), settings.redis, settings.layout_name,
            settings.namespaces.empty() ? "all" : Join(settings.namespaces), PolicyText(settings.on_error)});
    if (options.connect && queue.is_pattern) {
      row.insert(row.end(), {"-", "-", "-", "-"});
    } else if (options.connect) {
      AddCells(*outcome++, queue.layout->Offers(), row);
    }
  }
  WriteTable(redis, out);
  out << '\n';
  WriteTable(queues, out);
  return std::none_of(outcomes.begin(), outcomes.end(), [](const metrics::QueueOutcome& read) {
    return std::holds_alternative<metrics::MetricUnavailable>(read);
  });
}

}  // namespace server
