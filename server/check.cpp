#include "server/check.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
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

using metrics::QueueCounts;
using metrics::QueueParts;

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

/// What the table shows of a part of a queue.
struct Column {
  bool QueueParts::*part;
  std::string (*show)(const QueueCounts& counts);
};

constexpr std::array kColumns{
    Column{&QueueParts::waiting, [](const QueueCounts& counts) { return std::to_string(counts.waiting); }},
    Column{&QueueParts::in_flight, [](const QueueCounts& counts) { return std::to_string(counts.in_flight); }},
    Column{&QueueParts::delayed, [](const QueueCounts& counts) { return std::to_string(counts.delayed); }},
    Column{&QueueParts::oldest_age,
           [](const QueueCounts& counts) { return std::to_string(counts.oldest_age.count()) + "s"; }}};

/// What of a queue could be read.
struct Holding {
  /// "-" for what the layout does not tell, "?" for what it would.
  std::array<std::string, kColumns.size()> cells{};
  /// Why it is not all that the layout offers.
  std::optional<std::string> problem{};
};

void Show(const QueueCounts& counts, const QueueParts& read, Holding& holding) {
  for (std::size_t i = 0; i < kColumns.size(); ++i) {
    if (read.*kColumns[i].part) {
      holding.cells[i] = kColumns[i].show(counts);
    }
  }
}

/// Reads as the server does, and waits for it.
class Reader {
 public:
  Reader(const CheckOptions& options, const metrics::QueueConfig& config) {
    for (const metrics::SourceConfig& source : config.sources) {
      sources_[source.name] = MakeSource(loop_, SourceOptionsOf(options, source), nobody_);
    }
  }

  /// What the queues configured by name hold, in their order.
  std::vector<Holding> Read(const metrics::QueueConfig& config) {
    std::vector<const metrics::ConfiguredQueue*> queues;
    std::vector<metrics::QueueQuestion> questions;
    for (const metrics::ConfiguredQueue& queue : config.queues) {
      if (!queue.is_pattern) {
        queues.push_back(&queue);
        questions.push_back(QuestionOf(queue, WhatIsShown(queue)));
      }
    }
    std::vector<Holding> holdings;
    for (metrics::QueueOutcome& outcome : Ask(std::move(questions))) {
      const QueueParts shown = WhatIsShown(*queues[holdings.size()]);
      Holding& holding = holdings.emplace_back();
      for (std::size_t i = 0; i < kColumns.size(); ++i) {
        holding.cells[i] = shown.*kColumns[i].part ? "?" : "-";
      }
      if (auto* error = std::get_if<metrics::MetricUnavailable>(&outcome)) {
        holding.problem = std::move(error->text);
      } else {
        Show(std::get<metrics::QueueReading>(outcome).counts, shown, holding);
      }
    }
    ReadParts(queues, holdings);
    return holdings;
  }

 private:
  static QueueParts WhatIsShown(const metrics::ConfiguredQueue& queue) {
    QueueParts parts = queue.layout->Offers();
    parts.holders = false;
    return parts;
  }

  metrics::QueueQuestion QuestionOf(const metrics::ConfiguredQueue& queue, QueueParts wanted) {
    return {sources_[queue.settings.redis].get(), queue.layout, queue.name_in_redis, wanted};
  }

  /// Where not all of a queue can be known, those parts that can.
  void ReadParts(const std::vector<const metrics::ConfiguredQueue*>& queues, std::vector<Holding>& holdings) {
    std::vector<std::pair<Holding*, QueueParts>> asked;
    std::vector<metrics::QueueQuestion> questions;
    for (std::size_t i = 0; i < queues.size(); ++i) {
      for (const Column& column : kColumns) {
        if (holdings[i].problem && WhatIsShown(*queues[i]).*column.part) {
          QueueParts only;
          only.*column.part = true;
          asked.emplace_back(&holdings[i], only);
          questions.push_back(QuestionOf(*queues[i], only));
        }
      }
    }
    auto next = asked.begin();
    for (const metrics::QueueOutcome& outcome : Ask(std::move(questions))) {
      const auto& [holding, only] = *next++;
      if (const auto* reading = std::get_if<metrics::QueueReading>(&outcome)) {
        Show(reading->counts, only, *holding);
      }
    }
  }

  std::vector<metrics::QueueOutcome> Ask(std::vector<metrics::QueueQuestion> questions) {
    std::vector<metrics::QueueOutcome> outcomes;
    if (questions.empty()) {
      return outcomes;
    }
    bool done = false;
    reader_.Read(std::move(questions), std::chrono::steady_clock::time_point::max(),
                 [&](std::vector<metrics::QueueOutcome> read) {
                   outcomes = std::move(read);
                   done = true;
                 });
    while (!done) {
      loop_.RunReady();
      if (!done) {
        pollfd ready{.fd = loop_.fd(), .events = POLLIN, .revents = 0};
        ::poll(&ready, 1, -1);
      }
    }
    return outcomes;
  }

  Nobody nobody_;
  metrics::redis::EventLoop loop_;
  metrics::QueueReader reader_{nobody_};
  std::map<std::string, std::unique_ptr<metrics::redis::RedisSource>> sources_;
};

void AddCells(const Holding& holding, Row& row) {
  row.insert(row.end(), holding.cells.begin(), holding.cells.end());
  if (holding.problem) {
    row.back() += "  " + *holding.problem;
  }
}

}  // namespace

bool Check(const CheckOptions& options, std::ostream& out) {
  const metrics::QueueConfig config = LoadConfiguration(options);
  std::vector<Row> redis{{"REDIS", "TLS", "TIMEOUT", "SERVERS"}};
  for (const metrics::SourceConfig& source : config.sources) {
    redis.push_back({source.name, source.tls ? "yes" : "no", std::to_string(source.timeout.count()) + "ms",
                     std::visit(ServersText(), source.servers)});
  }
  std::vector<Holding> holdings;
  if (options.connect) {
    holdings = Reader(options, config).Read(config);
  }
  std::vector<Row> queues{{"QUEUE", "IN REDIS", "REDIS", "LAYOUT", "NAMESPACES", "ON ERROR"}};
  if (options.connect) {
    queues[0].insert(queues[0].end(), {"WAITING", "IN FLIGHT", "DELAYED", "OLDEST"});
  }
  auto holding = holdings.begin();
  for (const metrics::ConfiguredQueue& queue : config.queues) {
    const metrics::QueueSettings& settings = queue.settings;
    Row& row = queues.emplace_back(
        Row{queue.name, metrics::GoQuote(queue.name_in_redis), settings.redis, settings.layout_name,
            settings.namespaces.empty() ? "all" : Join(settings.namespaces), PolicyText(settings.on_error)});
    if (options.connect && queue.is_pattern) {
      row.insert(row.end(), {"-", "-", "-", "-"});
    } else if (options.connect) {
      AddCells(*holding++, row);
    }
  }
  WriteTable(redis, out);
  out << '\n';
  WriteTable(queues, out);
  return std::none_of(holdings.begin(), holdings.end(), [](const Holding& read) { return read.problem.has_value(); });
}

}  // namespace server
