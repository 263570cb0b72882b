// The ACL of each layout, as docs/redis-acl.md tells it: it suffices, and nothing in it is too much.
#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "metrics/label_selector.h"
#include "metrics/queue_layouts.h"
#include "metrics/queue_metric_provider.h"
#include "test/integration/redis/layout_examples.h"
#include "test/integration/redis/redis_test.h"
#include "test/support/answers.h"
#include "test/support/catch.h"
#include "test/support/redis_server.h"

namespace test {
namespace {

std::vector<std::string> Words(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

struct Acl {
  /// Of keys and of commands.
  std::set<std::string> for_counts;
  /// For the counts, the age and the holders.
  std::set<std::string> all;
};

/// The cells of a row of a table, without backquotes.
std::vector<std::string> Cells(const std::string& line) {
  std::vector<std::string> cells{""};
  for (std::size_t i = 1; i < line.size(); ++i) {
    if (line[i] == '\\' && i + 1 < line.size()) {
      cells.back() += line[++i];
    } else if (line[i] == '|') {
      cells.emplace_back();
    } else if (line[i] != '`') {
      cells.back() += line[i];
    }
  }
  return cells;
}

/// The rows of the document's tables that begin so, by layout.
std::map<std::string, Acl> DocumentedAcls(const std::string& beginning) {
  std::ifstream document(TEST_DOCS_DIR "/redis-acl.md");
  REQUIRE(document);
  std::map<std::string, Acl> acls;
  for (std::string line; std::getline(document, line);) {
    if (line.rfind(beginning + "`", 0) != 0) continue;
    const auto cells = Cells(line.substr(beginning.size() - 1));
    const std::string name = cells.at(0).substr(0, cells.at(0).size() - 1);
    Acl& acl = acls[name];
    for (std::size_t i = 1; i < cells.size(); ++i) {
      const auto words = Words(cells.at(i));
      if (i < 3) acl.for_counts.insert(words.begin(), words.end());
      acl.all.insert(words.begin(), words.end());
    }
  }
  return acls;
}

std::string WithQueue(std::string pattern, const std::string& queue) {
  constexpr std::string_view kPlace = "QUEUE";
  for (std::size_t at = 0; (at = pattern.find(kPlace, at)) != std::string::npos; at += queue.size()) {
    pattern.replace(at, kPlace.size(), queue);
  }
  return pattern;
}

/// Makes a user of exactly these rights, in place of the one before.
void MakeUser(RedisServer& server, const LayoutExample& example, const std::set<std::string>& rights) {
  const std::string queue = example.name == "huey" ? "myq" : example.queue;
  server.Command({"ACL", "SETUSER", "user", "reset", "on", ">secret"});
  for (const std::string& right : rights) server.Command({"ACL", "SETUSER", "user", WithQueue(right, queue)});
}

TEST_CASE("the ACL in the documentation lets a layout read, and no command of it can be left out", "[redis][layouts]") {
  RedisServer server;
  const auto acls = DocumentedAcls("| ");
  CHECK(acls.size() == LayoutExamples().size());
  for (const LayoutExample& example : LayoutExamples()) {
    INFO(example.name);
    REQUIRE(acls.count(example.name) == 1);
    const Acl& acl = acls.at(example.name);
    server.Command({"FLUSHALL"});
    example.write(server);
    metrics::redis::RedisOptions options{.endpoint = server.endpoint(), .timeout = kLong};
    options.credentials = [] { return metrics::redis::Credentials{"user", "secret"}; };
    const auto read = [&](const metrics::QueueParts& parts) {
      Client client(options);
      return Show({parts.waiting, parts.in_flight, parts.delayed}, Read(client, example.layout, example.queue, parts));
    };
    const metrics::QueueParts all = example.layout->Offers();
    metrics::QueueParts counts = all;
    counts.oldest_age = false;
    counts.holders = false;

    MakeUser(server, example, acl.for_counts);
    CHECK(read(counts) == example.counts);
    CHECK(Client(options).Ask({"EXISTS", "somebody-elses"}).type == Reply::Type::kError);

    MakeUser(server, example, acl.all);
    CHECK(read(all) == example.counts);
    for (const std::string& left_out : acl.all) {
      INFO("without " << left_out);
      std::set<std::string> rest = acl.all;
      rest.erase(left_out);
      MakeUser(server, example, rest);
      CHECK_THAT(ErrorOf([&] { read(all); }).what(), ContainsText("permissions"));
    }
  }
}

/// Of the queues that the framework has noted.
std::string ReadNoted(const metrics::redis::RedisOptions& options, const metrics::LayoutKind& kind) {
  RecordingObserver observer;
  metrics::redis::EventLoop loop;
  const LoopThread thread(loop);
  metrics::QueueMetricProvider provider(loop, observer,
                                        [&](const metrics::SourceConfig& /*source*/) { return options; });
  auto config = metrics::ConfigOfEveryKey(kind, {});
  config.sources.push_back(
      {.name = std::string(metrics::kDefaultSource), .servers = options.endpoint, .credentials = {}, .tls = {}});
  provider.Use(std::move(config));
  const metrics::MetricQuery query{.ns = "jobs",
                                   .metric = "redis_queue_length",
                                   .selector = metrics::LabelSelector::Parse(""),
                                   .deadline = std::chrono::steady_clock::time_point::max()};
  const auto samples = Await<std::vector<metrics::MetricSample>>([&](auto callback) {
    provider.Get(query, [callback](metrics::MetricResult result) {
      if (auto* error = std::get_if<metrics::MetricUnavailable>(&result)) return callback(std::move(*error));
      callback(std::get<std::vector<metrics::MetricSample>>(std::move(result)));
    });
  });
  std::string names;
  for (const metrics::MetricSample& sample : samples) names += sample.labels.at("queue") + " ";
  return names;
}

TEST_CASE("with the ACL in the documentation the queues that a framework has noted are found", "[redis][layouts]") {
  RedisServer server;
  const auto acls = DocumentedAcls("| ");
  const auto acls_of_patterns = DocumentedAcls("| pattern of ");
  for (const metrics::LayoutKind& kind : metrics::LayoutKinds()) {
    const std::string name(kind.name);
    INFO(name);
    CHECK((kind.registry != nullptr) == (acls_of_patterns.count(name) == 1));
    if (kind.registry == nullptr) continue;
    const auto example = std::find_if(LayoutExamples().begin(), LayoutExamples().end(),
                                      [&name](const LayoutExample& known) { return known.name == name; });
    REQUIRE(example != LayoutExamples().end());
    server.Command({"FLUSHALL"});
    example->write(server);
    const metrics::QueueRegistry registry = kind.registry({});
    server.Command({"SADD", registry.key, registry.prefix + example->queue});
    metrics::redis::RedisOptions options{.endpoint = server.endpoint(), .timeout = kLong};
    options.credentials = [] { return metrics::redis::Credentials{"user", "secret"}; };

    const std::set<std::string>& of_pattern = acls_of_patterns.at(name).all;
    std::set<std::string> all = acls.at(name).for_counts;
    all.insert(of_pattern.begin(), of_pattern.end());
    MakeUser(server, *example, all);
    CHECK(ReadNoted(options, kind) == example->queue + " ");
    for (const std::string& left_out : of_pattern) {
      INFO("without " << left_out);
      std::set<std::string> rest = all;
      rest.erase(left_out);
      MakeUser(server, *example, rest);
      CHECK_THAT(ErrorOf([&] { ReadNoted(options, kind); }).what(), ContainsText("permissions"));
    }
  }
}

}  // namespace
}  // namespace test
