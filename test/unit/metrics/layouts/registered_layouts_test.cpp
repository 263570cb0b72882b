// The layouts that look up names first: workers, groups, seconds, jobs.
#include <string>

#include "metrics/layouts/arq.h"
#include "metrics/layouts/asynq.h"
#include "metrics/layouts/bullmq.h"
#include "metrics/layouts/reliable_list.h"
#include "metrics/layouts/resque.h"
#include "metrics/layouts/rq.h"
#include "metrics/layouts/sidekiq.h"
#include "metrics/metric_provider.h"
#include "test/support/answers.h"
#include "test/support/catch.h"

namespace test {
namespace {

using namespace metrics::layouts;

constexpr metrics::QueueParts kLength{.waiting = true, .in_flight = true};

std::vector<std::string> Many(std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back(std::to_string(i));
  return names;
}

TEST_CASE("a reliable list is its list and what its workers have taken", "[layouts]") {
  CHECK(ShowAll(ReliableList(), "q", {{"LLEN q", Number(3)}, {"LLEN q:processing", Number(2)}}) ==
        "waiting 3, in flight 2");
  CHECK(ShowAll(ReliableList({.waiting = "{jobs}:{queue}",
                              .processing = {"{jobs}:{queue}:a", "{jobs}:shared"},
                              .delayed = "{jobs}:{queue}:later",
                              .delayed_unit = TimeUnit::kMilliseconds}),
                "q",
                {{"LLEN {jobs}:q", Number(3)},
                 {"LLEN {jobs}:q:a", Number(2)},
                 {"LLEN {jobs}:shared", Number(4)},
                 {"ZCOUNT {jobs}:q:later -inf 1800000000000", Number(10)},
                 {"ZCOUNT {jobs}:q:later (1800000000000 +inf", Number(20)}}) == "waiting 13, in flight 6, delayed 20");
}

TEST_CASE("the lists of registered workers are read with the registry, until it names no new one", "[layouts]") {
  struct Case {
    ReliableListOptions::Registry type;
    std::string command;
  };
  const auto example = GENERATE(values<Case>({{ReliableListOptions::Registry::kSet, "SRANDMEMBER q:workers 1001"},
                                              {ReliableListOptions::Registry::kHash, "HRANDFIELD q:workers 1001"},
                                              {ReliableListOptions::Registry::kSortedSet, "ZRANGE q:workers 0 1000"}}));
  const ReliableList layout({.processing = {}, .workers = "{queue}:workers", .workers_type = example.type});
  Answers redis({{"LLEN q", Number(3)},
                 {example.command, Texts({"w1"})},
                 {"LLEN q:processing:w1", Number(1)},
                 {"LLEN q:processing:w2", Number(1)}});
  redis.ChangeIn(2, example.command, Texts({"w2", "w1"}));  // Another worker has taken a job.
  redis.ChangeIn(2, "LLEN q", Number(2));
  redis.ChangeIn(4, example.command, Texts({"w2"}));
  CHECK(Show(kLength, redis.Read(layout, "q", kLength)) == "waiting 2, in flight 2");
  CHECK(redis.rounds() == std::vector<std::vector<std::string>>{
                              {example.command, "LLEN q"},
                              {"LLEN q:processing:w1", example.command, "LLEN q"},
                              {"LLEN q:processing:w1", "LLEN q:processing:w2", example.command, "LLEN q"}});
  CHECK(redis.Read(layout, "q", {.waiting = true}).waiting == 2);
  CHECK(redis.rounds().back() == std::vector<std::string>{"LLEN q"});
  CHECK(redis.Read(layout, "q", {.in_flight = true}).in_flight == 1);
  CHECK(redis.rounds().back() == std::vector<std::string>{"LLEN q:processing:w2", example.command});

  CHECK(ShowAll(layout, "q", {{"LLEN q", Number(3)}}) == "waiting 3, in flight 0");
}

TEST_CASE("a layout with workers tells which of them have taken jobs, if it is asked", "[layouts]") {
  const ReliableList layout({.workers = "{queue}:workers"});
  CHECK(layout.Offers().holders);
  CHECK_FALSE(ReliableList().Offers().holders);
  Answers redis({{"SRANDMEMBER q:workers 1001", Texts({"busy", "idle", "busier"})},
                 {"LLEN q:processing:busy", Number(1)},
                 {"LLEN q:processing:idle", Number(0)},
                 {"LLEN q:processing:busier", Number(2)}});
  const auto counts = redis.Read(layout, "q", {.in_flight = true, .holders = true});
  CHECK(counts.holders == std::vector<std::string>{"busy", "busier"});
  CHECK(counts.in_flight == 3);
  CHECK(redis.Read(layout, "q", {.in_flight = true}).holders.empty());
}

using Names = std::vector<std::string>;

Names HoldersOf(const metrics::QueueLayout& layout, const std::map<std::string, Reply>& replies) {
  CHECK(layout.Offers().holders);
  return Answers(replies).Read(layout, "q", {.in_flight = true, .holders = true}).holders;
}

TEST_CASE("RQ's workers tell their host and whether they are busy", "[layouts]") {
  const std::map<std::string, Reply> replies{
      {"SRANDMEMBER rq:workers:q 1001", Texts({"rq:worker:a", "rq:worker:b", "rq:worker:c", "rq:worker:dead"})},
      {"HGET rq:worker:a hostname", Text("pod-1")},
      {"HGET rq:worker:a state", Text("busy")},
      {"HGET rq:worker:b hostname", Text("pod-2")},
      {"HGET rq:worker:b state", Text("idle")},
      {"HGET rq:worker:c hostname", Text("pod-3")},
      {"HGET rq:worker:c state", Text("busy")},
      {"ZCARD rq:wip:q", Number(2)}};
  CHECK(HoldersOf(Rq(), replies) == Names{"pod-1", "pod-3"});
  Answers redis(replies);
  CHECK(redis.Read(Rq(), "q", {.in_flight = true}).in_flight == 2);
  CHECK(redis.rounds() == std::vector<Names>{{"LLEN rq:queue:q:intermediate", "ZCARD rq:wip:q"}});
}

TEST_CASE("asynq's servers are busy with tasks of any queue", "[layouts]") {
  CHECK(HoldersOf(Asynq(), {{"ZRANGEBYSCORE asynq:workers 1799999940.000 +inf LIMIT 0 1001",
                             Texts({"asynq:workers:{pod-1:1:uuid}", "asynq:workers:{pod-2:1:uuid}", "strange"})},
                            {"HLEN asynq:workers:{pod-1:1:uuid}", Number(3)},
                            {"HLEN strange", Number(1)}}) == Names{"pod-1:1:uuid"});
}

TEST_CASE("BullMQ's jobs tell the name of their worker, and it is an error if that has none", "[layouts]") {
  std::map<std::string, Reply> replies{{"LRANGE bull:q:active 0 1000", Texts({"1", "2", "gone"})},
                                       {"HGET bull:q:1 processedOn", Text("1799999999000")},
                                       {"HGET bull:q:1 pb", Text("pod-1")},
                                       {"HGET bull:q:2 processedOn", Text("1799999999000")},
                                       {"HGET bull:q:2 pb", Text("pod-2")}};
  CHECK(HoldersOf(BullMq(), replies) == Names{"pod-1", "pod-2"});
  replies.erase("HGET bull:q:2 pb");
  CHECK_THROWS_WITH(HoldersOf(BullMq(), replies),
                    "the job \"2\" does not tell who has taken it: BullMQ's Worker takes the option name");
  CHECK(Answers(replies).Read(BullMq(), "q", {.in_flight = true}).in_flight == 0);
}

TEST_CASE("a registry that is too large or never the same is an error", "[layouts]") {
  const ReliableList layout({.workers = "workers"});
  CHECK_THROWS_WITH(ShowAll(layout, "q", {{"SRANDMEMBER workers 1001", Texts(Many(1001))}}), "more than 1000 workers");
  CHECK_NOTHROW(ShowAll(layout, "q", {{"SRANDMEMBER workers 1001", Texts(Many(1000))}}));
  Answers restless({});
  for (std::size_t round = 1; round < 20; ++round) {
    restless.ChangeIn(round, "SRANDMEMBER workers 1001", Texts({std::to_string(round)}));
  }
  CHECK_THROWS_WITH(restless.Read(layout, "q", kLength), "the registry of workers changes faster than it can be read");
}

TEST_CASE("asynq's groups wait to be aggregated, and are in flight while they are", "[layouts]") {
  CHECK(ShowAll(Asynq(), "q",
                {{"ZCOUNT asynq:{q}:scheduled -inf 1800000000.000", Number(1)},
                 {"ZCOUNT asynq:{q}:retry -inf 1800000000.000", Number(2)},
                 {"ZCOUNT asynq:{q}:scheduled (1800000000.000 +inf", Number(10)},
                 {"ZCOUNT asynq:{q}:retry (1800000000.000 +inf", Number(20)},
                 {"LLEN asynq:{q}:pending", Number(3)},
                 {"LLEN asynq:{q}:active", Number(2)},
                 {"LRANGE asynq:{q}:pending -100 -1", Texts({"c", "b", "a"})},
                 {"HGET asynq:{q}:t:b pending_since", Text("1799999970000000000")},
                 {"HGET asynq:{q}:t:c pending_since", Text("1799999980000000000")},
                 {"SRANDMEMBER asynq:{q}:groups 1001", Texts({"mail"})},
                 {"ZCARD asynq:{q}:g:mail", Number(100)},
                 {"ZRANGE asynq:{q}:g:mail 0 0 WITHSCORES", Texts({"d", "1799999975"})},
                 {"ZRANGE asynq:{q}:aggregation_sets 0 1000", Texts({"asynq:{q}:g:mail:1"})},
                 {"ZCARD asynq:{q}:g:mail:1", Number(50)}}) == "waiting 106, in flight 52, delayed 30, oldest 30");
  CHECK(ShowAll(Asynq(), "q",
                {{"SRANDMEMBER asynq:{q}:groups 1001", Texts({"mail", "empty", "news"})},
                 {"ZCARD asynq:{q}:g:mail", Number(1)},
                 {"ZCARD asynq:{q}:g:news", Number(1)},
                 {"ZRANGE asynq:{q}:g:mail 0 0 WITHSCORES", Texts({"d", "1799999975"})},
                 {"ZRANGE asynq:{q}:g:news 0 0 WITHSCORES", Texts({"e", "1799999985"})}}) ==
        "waiting 2, in flight 0, delayed 0, oldest 25");
  CHECK(ShowAll(Asynq(), "q", {}) == "waiting 0, in flight 0, delayed 0, oldest 0");
}

std::string Work(const std::string& queue) { return R"({"queue":")" + queue + R"(","run_at":"x","payload":{}})"; }

TEST_CASE("Resque's workers and seconds are shared by all queues, and filtered by queue", "[layouts]") {
  const std::string second = "1799999999";
  const std::map<std::string, Reply> replies{
      {"LLEN resque:queue:q", Number(3)},
      {"SRANDMEMBER resque:workers 1001", Texts({"host:1:q", "host:2:*", "host:3:q"})},
      {"GET resque:worker:host:1:q", Text(Work("q"))},
      {"GET resque:worker:host:2:*", Text(Work("other"))},
      {"ZRANGEBYSCORE resque:delayed_queue_schedule -inf 1800000000.000 LIMIT 0 1001", Texts({second})},
      {"LLEN resque:delayed:" + second, Number(2)},
      {"LRANGE resque:delayed:" + second + " 0 19", Texts({Work("q"), Work("other")})},
      {"ZRANGEBYSCORE resque:delayed_queue_schedule (1800000000.000 +inf LIMIT 0 1001", Texts({"1800000060"})},
      {"LLEN resque:delayed:1800000060", Number(500)},
      {"LRANGE resque:delayed:1800000060 0 19", Texts({Work("q"), Work("other"), Work("other")})}};
  CHECK(ShowAll(Resque(), "q", replies) == "waiting 4, in flight 1, delayed 498");
  CHECK(ShowAll(Resque(), "other", replies) == "waiting 1, in flight 1, delayed 499");
  CHECK(ShowAll(Resque({.prefix = "app"}), "q", replies) == "waiting 0, in flight 0, delayed 0");
}

TEST_CASE("Sidekiq's processes, schedule and retries are shared by all queues, and filtered by queue", "[layouts]") {
  const auto due = [](const std::string& key) { return " " + key + " -inf 1800000000.000"; };
  const auto later = [](const std::string& key) { return "ZRANGEBYSCORE " + key + " (1800000000.000 +inf LIMIT 0 20"; };
  std::map<std::string, Reply> replies{
      {"ZCOUNT" + due("schedule"), Number(2)},
      {"ZRANGEBYSCORE" + due("schedule") + " WITHSCORES LIMIT 0 20",
       Texts({Work("other"), "1799990000", Work("q"), "1799999990"})},
      {"ZCOUNT" + due("retry"), Number(1)},
      {"ZRANGEBYSCORE" + due("retry") + " WITHSCORES LIMIT 0 20", Texts({Work("other"), "1799999950"})},
      {later("schedule"), Texts({Work("q"), Work("other"), Work("q")})},
      {later("retry"), Texts({Work("q")})},
      {"LLEN queue:q", Number(3)},
      {"LRANGE queue:q -1 -1", Texts({R"({"queue":"q","enqueued_at":1799999970.5})"})},
      {"SRANDMEMBER processes 1001", Texts({"host:1:a", "host:2:b", "host:3:dead"})},
      {"HVALS host:1:a:work", Texts({Work("q"), Work("other")})},
      {"HVALS host:2:b:workers", Texts({Work("q")})}};
  CHECK(ShowAll(Sidekiq(), "q", replies) == "waiting 4, in flight 2, delayed 3, oldest 29");
  CHECK(Answers(replies).Read(Sidekiq(), "q", {.delayed = true}).delayed == 3);
  CHECK(Answers(replies).Read(Sidekiq(), "q", {.in_flight = true}).in_flight == 2);

  replies["LRANGE queue:q -1 -1"] = Texts({R"({"queue":"q","enqueued_at":1799999970500})"});  // Sidekiq 8.
  CHECK(ShowAll(Sidekiq(), "q", replies) == "waiting 4, in flight 2, delayed 3, oldest 29");

  replies["LRANGE queue:q -1 -1"] = Array({});
  CHECK(ShowAll(Sidekiq(), "q", replies) == "waiting 4, in flight 2, delayed 3, oldest 10");
  CHECK(Answers(replies).Read(Sidekiq(), "q", {.oldest_age = true}).oldest_age == std::chrono::seconds(10));
  CHECK(Answers(replies).Read(Sidekiq(), "idle", {.oldest_age = true}).oldest_age == std::chrono::seconds(0));

  replies["ZCOUNT" + due("retry")] = Number(5000);  // Those that are not looked at are due since the last that is.
  CHECK(ShowAll(Sidekiq(), "q", replies) == "waiting 5003, in flight 2, delayed 3, oldest 50");

  const std::string all_later = "ZRANGEBYSCORE retry (1800000000.000 +inf LIMIT 0 1001";
  replies[later("retry")] = Texts(Many(20));
  replies[all_later] = Texts(std::vector<std::string>(30, Work("q")));
  CHECK(Answers(replies).Read(Sidekiq(), "q", {.delayed = true}).delayed == 30);
  replies[all_later] = Texts(Many(1001));
  CHECK_THROWS_WITH(ShowAll(Sidekiq(), "q", replies), "more than 1000 jobs are in retry");
  CHECK(Answers(replies).Read(Sidekiq(), "q", kLength).waiting == 5003);

  CHECK(ShowAll(Sidekiq({.prefix = "ns:"}), "q",
                {{"LLEN ns:queue:q", Number(1)},
                 {"LRANGE ns:queue:q -1 -1", Texts({R"({"enqueued_at":1800000000})"})},
                 {"SRANDMEMBER ns:processes 1001", Texts({"p"})},
                 {"HVALS ns:p:workers", Texts({Work("q")})}}) == "waiting 1, in flight 1, delayed 0, oldest 0");
}

TEST_CASE("of large jobs in Sidekiq's shared sets as many are read as a reply may have bytes", "[layouts]") {
  const std::string large = R"({"queue":"q","x":")" + std::string(60'000, 'x') + "\"}";
  std::vector<std::string> first;
  for (int i = 0; i < 20; ++i) first.insert(first.end(), {large, "1799999990"});
  std::vector<std::string> more = first;
  for (int i = 0; i < 32; ++i) more.insert(more.end(), {large, "1799999995"});
  std::map<std::string, Reply> replies{{"ZCOUNT retry -inf 1800000000.000", Number(100)},
                                       {"ZRANGEBYSCORE retry -inf 1800000000.000 WITHSCORES LIMIT 0 20", Texts(first)},
                                       {"ZRANGEBYSCORE retry -inf 1800000000.000 WITHSCORES LIMIT 0 52", Texts(more)}};
  Answers redis(replies);
  CHECK(redis.Read(Sidekiq(), "q", {.waiting = true}).waiting == 100);
  CHECK(redis.rounds().size() == 2);
  CHECK(Answers(replies).Read(Sidekiq(), "other", {.waiting = true}).waiting == 48);
  replies["ZRANGEBYSCORE retry (1800000000.000 +inf LIMIT 0 20"] = Texts(std::vector<std::string>(20, large));
  replies["ZRANGEBYSCORE retry (1800000000.000 +inf LIMIT 0 52"] = Texts(std::vector<std::string>(52, large));
  CHECK_THROWS_WITH(Answers(replies).Read(Sidekiq(), "q", {.delayed = true}),
                    "more than 3145728 bytes of jobs are in retry");
}

TEST_CASE("a job of Sidekiq or Resque that names no queue may be of any", "[layouts]") {
  CHECK(ShowAll(Sidekiq(), "q",
                {{"ZCOUNT retry -inf 1800000000.000", Number(2)},
                 {"ZRANGEBYSCORE retry -inf 1800000000.000 WITHSCORES LIMIT 0 20",
                  Texts({"no JSON", "1800000000", R"({"queue":5})", "1800000000"})},
                 {"SRANDMEMBER processes 1001", Texts({"p"})},
                 {"HVALS p:work", Texts({R"({"queue":"q","payload":{"args":[1e999]}})", "[]", Work("other")})}}) ==
        "waiting 2, in flight 2, delayed 0, oldest 0");
  CHECK(ShowAll(Resque(), "q",
                {{"SRANDMEMBER resque:workers 1001", Texts({"w"})},
                 {"GET resque:worker:w", Text("{}")},
                 {"ZRANGEBYSCORE resque:delayed_queue_schedule -inf 1800000000.000 LIMIT 0 1001", Texts({"5"})},
                 {"LLEN resque:delayed:5", Number(2)},
                 {"LRANGE resque:delayed:5 0 19", Texts({R"({"args":["\ud83d"],"queue":"q"})", Work("other")})}}) ==
        "waiting 1, in flight 1, delayed 0");
}

TEST_CASE("arq's set has waiting, running and delayed jobs, told apart by time and by a key for each that runs",
          "[layouts]") {
  const std::string due = "ZRANGEBYSCORE arq:queue -inf 1800000000000 WITHSCORES LIMIT 0 1000";
  const std::map<std::string, Reply> replies{
      {"ZCOUNT arq:queue (1800000000000 +inf", Number(2)},
      {"ZCOUNT arq:queue -inf 1800000000000", Number(3)},
      {due, Texts({"a", "1799999900000", "b", "1799999970000", "c", "1799999980000"})},
      {"EXISTS arq:in-progress:a", Number(1)}};
  CHECK(ShowAll(Arq(), "arq:queue", replies) == "waiting 2, in flight 1, delayed 2, oldest 30");
  CHECK(ShowAll(Arq(), "arq:queue", {}) == "waiting 0, in flight 0, delayed 0, oldest 0");
  Answers delayed(replies);
  CHECK(delayed.Read(Arq(), "arq:queue", {.delayed = true}).delayed == 2);
  CHECK(delayed.rounds() == std::vector<std::vector<std::string>>{{"ZCOUNT arq:queue (1800000000000 +inf"}});

  auto many = replies;
  many["ZCOUNT arq:queue -inf 1800000000000"] = Number(1001);
  CHECK(Show(kLength, Answers(many).Read(Arq(), "arq:queue", kLength)) == "waiting 1000, in flight 1");
  CHECK_THROWS_AS(Answers(many).Read(Arq(), "arq:queue", {.waiting = true}), metrics::MetricUnavailableError);
}

}  // namespace
}  // namespace test
