// Whatever producers and workers do while a queue is read, the answer is never less than the jobs that existed,
// unfinished, from before the reading began until after it ended.
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "metrics/layouts/by_type.h"
#include "metrics/layouts/counter.h"
#include "metrics/layouts/hash.h"
#include "metrics/layouts/list.h"
#include "metrics/layouts/reliable_list.h"
#include "metrics/layouts/set.h"
#include "metrics/layouts/sorted_set.h"
#include "metrics/layouts/stream.h"
#include "test/integration/redis/layout_examples.h"
#include "test/integration/redis/redis_test.h"
#include "test/support/catch.h"
#include "test/support/redis_server.h"

namespace test {
namespace {

using namespace metrics::layouts;

/// One thread's view of a queue. A worker has one job at a time.
class Actor {
 public:
  Actor(const RedisServer& server, int number)
      : redis({.endpoint = server.endpoint(), .timeout = kLong}), name("w" + std::to_string(number)) {}
  virtual ~Actor() = default;

  /// Adds a job of this name.
  virtual void Add(const std::string& job) = 0;
  /// Takes a job, if there is one. Where taking is finishing, does nothing.
  virtual bool Take() { return true; }
  /// Gives the job back that it has taken.
  virtual void GiveBack() {}
  /// Finishes the job that it has taken; whether there was one.
  virtual bool Finish() = 0;

 protected:
  Client redis;
  const std::string name;
};

bool IsSomething(const metrics::redis::Reply& reply) {
  using Type = metrics::redis::Reply::Type;
  return reply.type == Type::kString || (reply.type == Type::kInteger && reply.integer > 0) ||
         (reply.type == Type::kArray && !reply.elements.empty());
}

class ListActor : public Actor {
  using Actor::Actor;
  void Add(const std::string& job) override { redis.Ask({"RPUSH", "q", job}); }
  bool Finish() override { return IsSomething(redis.Ask({"LPOP", "q"})); }
};

class SetActor : public Actor {
  using Actor::Actor;
  void Add(const std::string& job) override { redis.Ask({"SADD", "q", job}); }
  bool Finish() override { return IsSomething(redis.Ask({"SPOP", "q"})); }
};

class SortedSetActor : public Actor {
  using Actor::Actor;
  void Add(const std::string& job) override { redis.Ask({"ZADD", "q", "1", job}); }
  bool Finish() override { return IsSomething(redis.Ask({"ZPOPMIN", "q"})); }
};

class HashActor : public Actor {
  using Actor::Actor;
  void Add(const std::string& job) override { redis.Ask({"HSET", "q", job, "1"}); }
  bool Finish() override {
    const auto job = redis.Ask({"HRANDFIELD", "q"});
    return IsSomething(job) && IsSomething(redis.Ask({"HDEL", "q", job.text}));
  }
};

class CounterActor : public Actor {
  using Actor::Actor;
  void Add(const std::string& /*job*/) override { redis.Ask({"INCR", "q"}); }
  /// Nobody else may take the counter below 0.
  bool Finish() override {
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    if (redis.Ask({"GET", "q"}).text.find_first_of("123456789") == std::string::npos) return false;
    redis.Ask({"DECR", "q"});
    return true;
  }
};

class StreamActor : public Actor {
  using Actor::Actor;
  void Add(const std::string& job) override { redis.Ask({"XADD", "q", "*", "job", job}); }
  bool Finish() override {
    const auto first = redis.Ask({"XRANGE", "q", "-", "+", "COUNT", "1"});
    return IsSomething(first) && IsSomething(redis.Ask({"XDEL", "q", first.elements[0].elements[0].text}));
  }
};

/// Acknowledged entries stay for a while, and are then deleted or trimmed.
class GroupActor : public Actor {
 public:
  GroupActor(const RedisServer& server, int number) : Actor(server, number) {
    redis.Ask({"XGROUP", "CREATE", "q", "g", "0", "MKSTREAM"});
  }

 private:
  void Add(const std::string& job) override { redis.Ask({"XADD", "q", "*", "job", job}); }
  bool Take() override {
    const auto read = redis.Ask({"XREADGROUP", "GROUP", "g", name, "COUNT", "1", "STREAMS", "q", ">"});
    if (!IsSomething(read)) return false;
    job_ = read.elements[0].elements[1].elements[0].elements[0].text;
    return true;
  }
  bool Finish() override {
    const bool was_pending = IsSomething(redis.Ask({"XACK", "q", "g", job_}));
    if (job_.back() % 2 == 0) redis.Ask({"XDEL", "q", job_});
    return was_pending;
  }

  std::string job_;
};

class ReliableListActor : public Actor {
  using Actor::Actor;
  void Add(const std::string& job) override { redis.Ask({"RPUSH", "q", job}); }
  bool Take() override {
    Register();
    const auto job = redis.Ask({"LMOVE", "q", Processing(), "LEFT", "RIGHT"});
    job_ = job.text;
    if (!IsSomething(job)) Leave();
    return IsSomething(job);
  }
  void GiveBack() override {
    // As a worker that shuts down: the job goes back before its name goes.
    redis.Ask({"EVAL", "redis.call('LREM', KEYS[1], 1, ARGV[1]); redis.call('LPUSH', KEYS[2], ARGV[1])", "2",
               Processing(), "q", job_});
    Leave();
  }
  bool Finish() override {
    const bool had_it = IsSomething(redis.Ask({"LREM", Processing(), "1", job_}));
    Leave();
    return had_it;
  }
  virtual std::string Processing() const { return "q:processing"; }
  virtual void Register() {}
  virtual void Leave() {}

  std::string job_;
};

class WorkerListActor : public ReliableListActor {
  using ReliableListActor::ReliableListActor;
  std::string Processing() const override { return "q:processing:" + name; }
  void Register() override { redis.Ask({"SADD", "q:workers", name}); }
  void Leave() override { redis.Ask({"SREM", "q:workers", name}); }
};

template <typename A>
std::unique_ptr<Actor> MakeActor(const RedisServer& server, int number) {
  return std::make_unique<A>(server, number);
}

using Reader = std::function<metrics::QueueCounts(Client&)>;

struct Outcome {
  int readings = 0;
  int too_low = 0;
  std::int64_t at_rest = 0;
  std::int64_t unfinished = 0;
};

/// Four threads at work on a queue while it is read, until `readings` were made or one was too low. Most jobs that are
/// taken are given back, so that most of the time as many are unfinished as before and a job overlooked shows.
Outcome Run(const RedisServer& server, std::unique_ptr<Actor> (*make_actor)(const RedisServer&, int),
            const Reader& read, int readings) {
  std::atomic<std::int64_t> added{0};      // Counted when they are there.
  std::atomic<std::int64_t> finishing{0};  // Counted before they can be gone.
  std::vector<std::jthread> threads;
  for (int number = 0; number < 4; ++number) {
    threads.emplace_back([&, number](const std::stop_token& stop) {
      const auto actor = make_actor(server, number);
      std::mt19937 random(static_cast<unsigned>(number));
      for (int job = 0; !stop.stop_requested(); ++job) {
        if (random() % 10 == 0 || added - finishing < 3) {
          actor->Add(std::to_string(number) + "-" + std::to_string(job));
          ++added;
        }
        if (!actor->Take()) continue;
        if (random() % 10 != 0) {
          actor->GiveBack();
        } else {
          ++finishing;
          if (!actor->Finish()) --finishing;
        }
      }
    });
  }
  Client client({.endpoint = server.endpoint(), .timeout = kLong});
  Outcome outcome;
  while (outcome.readings < readings && outcome.too_low == 0) {
    const std::int64_t added_before = added;
    const metrics::QueueCounts counts = read(client);
    const std::int64_t lower_bound = added_before - finishing;
    ++outcome.readings;
    if (counts.waiting + counts.in_flight < lower_bound) ++outcome.too_low;
  }
  threads.clear();
  const metrics::QueueCounts counts = read(client);
  outcome.at_rest = counts.waiting + counts.in_flight;
  outcome.unfinished = added - finishing;
  return outcome;
}

TEST_CASE("a queue at work is never read as less than its unfinished jobs", "[redis][layouts]") {
  struct Case {
    std::string description;
    std::shared_ptr<const metrics::QueueLayout> layout;
    std::unique_ptr<Actor> (*make_actor)(const RedisServer&, int);
  };
  const auto example = GENERATE(values<Case>({
      {"by type", std::make_shared<ByType>(), &MakeActor<SetActor>},
      {"list", std::make_shared<List>(), &MakeActor<ListActor>},
      {"set", std::make_shared<Set>(), &MakeActor<SetActor>},
      {"sorted set", std::make_shared<SortedSet>(), &MakeActor<SortedSetActor>},
      {"hash", std::make_shared<Hash>(), &MakeActor<HashActor>},
      {"counter", std::make_shared<Counter>(), &MakeActor<CounterActor>},
      {"stream", std::make_shared<Stream>(), &MakeActor<StreamActor>},
      {"stream with a group", std::make_shared<Stream>(StreamOptions{.groups = {"g"}}), &MakeActor<GroupActor>},
      {"reliable list", std::make_shared<ReliableList>(), &MakeActor<ReliableListActor>},
      {"reliable list with workers",
       std::make_shared<ReliableList>(ReliableListOptions{.processing = {}, .workers = "{queue}:workers"}),
       &MakeActor<WorkerListActor>},
  }));
  INFO(example.description);
  RedisServer server;
  auto parts = example.layout->Offers();
  parts.oldest_age = false;
  const auto outcome = Run(
      server, example.make_actor, [&](Client& client) { return Read(client, example.layout, "q", parts); }, 500);
  CHECK(outcome.readings == 500);
  CHECK(outcome.too_low == 0);
  CHECK(outcome.at_rest == outcome.unfinished);
}

TEST_CASE("a reader that takes two looks at a queue would be found out", "[redis][layouts]") {
  RedisServer server;
  const auto outcome = Run(
      server, &MakeActor<ReliableListActor>,
      [](Client& client) {
        const auto in_flight = client.Ask({"LLEN", "q:processing"}).integer;
        return metrics::QueueCounts{.waiting = client.Ask({"LLEN", "q"}).integer, .in_flight = in_flight};
      },
      100'000);
  CHECK(outcome.too_low == 1);
}

}  // namespace
}  // namespace test
