// Whichever allocation fails, every read is answered once, and later ones are right again.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <initializer_list>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "metrics/layouts/celery.h"
#include "metrics/layouts/list.h"
#include "metrics/queue_reader.h"
#include "metrics/redis/cluster_source.h"
#include "metrics/redis/event_loop.h"
#include "metrics/redis/redis_connection.h"
#include "metrics/redis/sentinel_source.h"
#include "test/integration/redis/redis_test.h"
#include "test/support/catch.h"
#include "test/support/failing_allocation.h"
#include "test/support/loop_thread.h"
#include "test/support/redis_cluster.h"
#include "test/support/redis_server.h"

namespace test {
namespace {

using metrics::redis::ClusterSource;
using metrics::redis::RedisConnection;
using metrics::redis::SentinelSource;

class Unobserved final : public metrics::redis::RedisObserver {
 public:
  void OnRoundTrip(std::string_view, std::chrono::nanoseconds) override {}
  void OnError(std::string_view, std::string_view, UnavailableKind, std::string_view) override {}
  void OnConnectionChange(std::string_view, bool, std::string_view) override {}
};

/// Reads on the loop, as the server does.
template <typename Source>
class LoopClient {
 public:
  template <typename Options>
  LoopClient(Options options, std::shared_ptr<const metrics::QueueLayout> layout)
      : source_(loop_, std::move(options), observer_), layout_(std::move(layout)) {}

  bool IsUp() const { return source_.status().up; }

  /// Whether the queues hold so many jobs together, as far as that is known now.
  bool Reads(const std::vector<std::string>& names, std::int64_t jobs) { return Begin(names, {}).get() == jobs; }

  /// The same while allocation `number` of the loop's thread fails, beside another read, and what `trouble` does. An
  /// error is as good.
  /// Whether it came to that allocation.
  template <typename Trouble>
  bool ReadsWithout(std::size_t number, const std::vector<std::string>& names, std::int64_t jobs, Trouble trouble) {
    auto answer = Begin(names, number);
    trouble();
    const std::optional<std::int64_t> told = answer.get();
    CHECK((!told || *told == jobs));
    std::promise<bool> failed;
    loop_.Post([&failed] { failed.set_value(StopFailing()); });
    return failed.get_future().get();
  }

 private:
  std::future<std::optional<std::int64_t>> Begin(const std::vector<std::string>& names,
                                                 std::optional<std::size_t> failing) {
    std::vector<metrics::QueueQuestion> questions;
    for (const std::string& name : names) questions.push_back({&source_, layout_, name, {true, true, true}});
    const auto promise = std::make_shared<std::promise<std::optional<std::int64_t>>>();
    loop_.Post([this, questions = std::move(questions), failing, promise]() mutable {
      const auto answer = [promise](const std::vector<metrics::QueueOutcome>& outcomes) {
        std::int64_t jobs = 0;
        for (const metrics::QueueOutcome& outcome : outcomes) {
          const auto* const reading = std::get_if<metrics::QueueReading>(&outcome);
          if (reading == nullptr) return promise->set_value(std::nullopt);
          jobs += reading->counts.waiting + reading->counts.in_flight + reading->counts.delayed;
        }
        promise->set_value(jobs);
      };
      if (failing) {
        std::vector<metrics::QueueQuestion> others{{&source_, layout_, "other", {true, true, true}}};
        reader_.Read(std::move(others), std::chrono::steady_clock::time_point::max(), [](const auto&) {});
        FailAllocationAfter(*failing);
      }
      try {
        reader_.Read(std::move(questions), std::chrono::steady_clock::time_point::max(), answer);
      } catch (const std::bad_alloc&) {
        promise->set_value(std::nullopt);
      }
    });
    return promise->get_future();
  }

  Unobserved observer_;
  metrics::QueueReader reader_{observer_};
  metrics::redis::EventLoop loop_;
  LoopThread thread_{loop_};
  Source source_;
  const std::shared_ptr<const metrics::QueueLayout> layout_;
};

/// Each `step`th allocation fails once. Of three queues, which hold six jobs.
template <typename Client, typename Trouble>
void CheckAllocations(Client& client, std::size_t step, Trouble trouble) {
  const std::vector<std::string> names{"q1", "q2", "q3"};
  REQUIRE(Eventually([&] { return client.IsUp() && client.Reads(names, 6); }));
  std::size_t number = 0;
  while (client.ReadsWithout(number, names, 6, trouble)) {
    INFO("allocation " << number);
    REQUIRE(Eventually([&] { return client.Reads(names, 6); }));
    number += step;
  }
  CHECK(number > 20);
}

using Words = std::initializer_list<std::string_view>;

/// Six jobs in lists, or held by Celery's workers.
template <typename Command>
void Fill(Command command, bool by_celery) {
  for (int i = 1; i <= 3; ++i) {
    const std::string name = "q" + std::to_string(i);
    for (int job = 0; job < i; ++job) {
      const std::string id = name + "-" + std::to_string(job);
      if (by_celery) {
        command("unacked", {"HSET", "unacked", id, R"([{}, "", ")" + name + R"("])"});
      } else {
        command(name, {"RPUSH", name, id});
      }
    }
  }
}

/// Where all of them would take minutes, since connections are made anew.
constexpr std::size_t kSome = 7;

const std::shared_ptr<const metrics::QueueLayout> kList = std::make_shared<metrics::layouts::List>();

TEST_CASE("any allocation of a read may fail", "[redis]") {
  RedisServer server;
  const bool by_celery = GENERATE(false, true);
  const auto protocol = GENERATE(metrics::redis::Protocol::kResp2, metrics::redis::Protocol::kResp3);
  Fill([&](const std::string&, Words words) { server.Command(words); }, by_celery);
  LoopClient<RedisConnection> client(
      metrics::redis::RedisOptions{.endpoint = server.endpoint(), .timeout = kLong, .protocol = protocol},
      by_celery ? std::make_shared<metrics::layouts::Celery>() : kList);
  SECTION("on a connection") {
    CheckAllocations(client, by_celery ? kSome : 1, [] {});
  }
  SECTION("on one that is lost") {
    if (by_celery) return;
    CheckAllocations(client, kSome, [&] { server.Command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"}); });
  }
}

TEST_CASE("any allocation of a read from a master of Sentinels may fail", "[redis]") {
  RedisServer server;
  Fill([&](const std::string&, Words words) { server.Command(words); }, false);
  const auto sentinel =
      RedisServer::Sentinel("sentinel monitor jobs 127.0.0.1 " + std::to_string(server.port()) + " 1\n");
  metrics::redis::SentinelOptions options{.master_name = "jobs", .sentinels = {}, .timeout = kLong};
  options.sentinels.push_back(sentinel->endpoint());
  LoopClient<SentinelSource> client(options, kList);
  CheckAllocations(client, kSome, [&] {
    sentinel->Command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    server.Command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  });
}

TEST_CASE("any allocation of a read from a cluster may fail", "[redis][cluster]") {
  RedisCluster cluster(3);
  const bool by_celery = GENERATE(false, true);
  Fill([&](const std::string& key, Words words) { cluster.Command(key, words); }, by_celery);
  LoopClient<ClusterSource> client(metrics::redis::ClusterOptions{.seeds = cluster.endpoints(), .timeout = kLong},
                                   by_celery ? std::make_shared<metrics::layouts::Celery>() : kList);
  SECTION("on connections") {
    CheckAllocations(client, by_celery ? kSome : 1, [] {});
  }
  SECTION("on such that are lost") {
    if (by_celery) return;
    CheckAllocations(client, kSome, [&] {
      for (std::size_t i = 0; i < 3; ++i) {
        cluster.node(i).Command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
      }
    });
  }
}

}  // namespace
}  // namespace test
