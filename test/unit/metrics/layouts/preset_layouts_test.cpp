// The layouts that are lists and sorted sets named after the queue.
#include <memory>
#include <string>

#include "metrics/layouts/bee_queue.h"
#include "metrics/layouts/bull.h"
#include "metrics/layouts/bullmq.h"
#include "metrics/layouts/counter.h"
#include "metrics/layouts/hash.h"
#include "metrics/layouts/huey.h"
#include "metrics/layouts/laravel.h"
#include "metrics/layouts/list.h"
#include "metrics/layouts/rq.h"
#include "metrics/layouts/saq.h"
#include "metrics/layouts/set.h"
#include "metrics/layouts/sorted_set.h"
#include "metrics/layouts/taskiq.h"
#include "metrics/metric_provider.h"
#include "test/support/answers.h"
#include "test/support/catch.h"

namespace test {
namespace {

using namespace metrics::layouts;
using namespace std::string_literals;

struct Case {
  std::string description;
  std::shared_ptr<const metrics::QueueLayout> layout;
  std::map<std::string, Reply> replies;
  std::string counts;
};

template <typename Layout, typename... Options>
std::shared_ptr<const metrics::QueueLayout> Make(Options... options) {
  return std::make_shared<Layout>(options...);
}

TEST_CASE("each part of a queue is the sum of its keys, and what is due waits", "[layouts]") {
  const auto example = GENERATE(values<Case>({
      {"list", Make<List>(), {{"LLEN q", Number(3)}}, "waiting 3"},
      {"taskiq's list", Make<TaskiqList>(), {{"LLEN q", Number(3)}}, "waiting 3"},
      {"set", Make<Set>(), {{"SCARD q", Number(3)}}, "waiting 3"},
      {"hash", Make<Hash>(), {{"HLEN q", Number(3)}}, "waiting 3"},
      {"counter", Make<Counter>(), {{"GET q", Text("3")}}, "waiting 3"},
      {"counter that nobody has set", Make<Counter>(), {}, "waiting 0"},
      {"sorted set", Make<SortedSet>(), {{"ZCARD q", Number(3)}}, "waiting 3"},
      {"sorted set by due time in nanoseconds",
       Make<SortedSet>(SortedSetOptions{.due = TimeUnit::kNanoseconds}),
       {{"ZCOUNT q -inf 1800000000000000000", Number(3)},
        {"ZCOUNT q (1800000000000000000 +inf", Number(4)},
        {"ZRANGEBYSCORE q (-9000000000000000000 1800000000000000000 WITHSCORES LIMIT 0 1",
         Texts({"a", "1.79999994e+18"})}},
       "waiting 3, delayed 4, oldest 60"},
      {"RQ",
       Make<Rq>(),
       {{"ZCOUNT rq:scheduled:q -inf 1800000000.000", Number(1)},
        {"ZCOUNT rq:scheduled:q (1800000000.000 +inf", Number(2)},
        {"LLEN rq:queue:q", Number(3)},
        {"LRANGE rq:queue:q 0 999", Texts({"a", "b", "c"})},
        {"HGET rq:job:a enqueued_at", Text("2027-01-15T07:59:00.500000Z")},
        {"HGET rq:job:b enqueued_at", Text("2027-01-15T07:59:50.000000Z")},
        {"LLEN rq:queue:q:intermediate", Number(1)},
        {"ZCARD rq:wip:q", Number(2)}},
       "waiting 4, in flight 3, delayed 2, oldest 60"},
      {"RQ with a due job that is older than those enqueued",
       Make<Rq>(RqOptions{.prefix = "{rq}"}),
       {{"ZCOUNT {rq}:scheduled:q -inf 1800000000.000", Number(1)},
        {"ZRANGEBYSCORE {rq}:scheduled:q (-9000000000 1800000000.000 WITHSCORES LIMIT 0 1", Texts({"x", "1799999000"})},
        {"LLEN {rq}:queue:q", Number(1)},
        {"LRANGE {rq}:queue:q 0 999", Texts({"a"})},
        {"HGET {rq}:job:a enqueued_at", Text("2027-01-15T07:59:00Z")}},
       "waiting 2, in flight 0, delayed 0, oldest 1000"},
      {"SAQ, whose running jobs are in its sorted set with score 0",
       Make<Saq>(),
       {{"ZCOUNT saq:q:incomplete (0 1800000000.000", Number(1)},
        {"ZCOUNT saq:q:incomplete (1800000000.000 +inf", Number(2)},
        {"LLEN saq:q:queued", Number(3)},
        {"LRANGE saq:q:queued 0 7", Texts({"saq:job:q:a"})},
        {"GET saq:job:q:a", Text(R"({"function":"f","queued":1799999940123,"scheduled":0})")},
        {"LLEN saq:q:active", Number(2)}},
       "waiting 4, in flight 2, delayed 2, oldest 59"},
      {"SAQ, whose job was scheduled",
       Make<Saq>(),
       {{"LLEN saq:q:queued", Number(1)},
        {"LRANGE saq:q:queued 0 7", Texts({"saq:job:q:a"})},
        {"GET saq:job:q:a", Text(R"({"queued":1799999940123,"scheduled":1799999993})")}},
       "waiting 1, in flight 0, delayed 0, oldest 7"},
      {"BullMQ 5 and 6, paused, with priorities",
       Make<BullMq>(),
       {{"ZCOUNT bull:q:delayed -inf 7372800000004095", Number(1)},
        {"ZCOUNT bull:q:delayed (7372800000004095 +inf", Number(2)},
        {"LLEN bull:q:wait", Number(3)},
        {"LLEN bull:q:paused", Number(10)},
        {"ZCARD bull:q:prioritized", Number(20)},
        {"LINDEX bull:q:wait -1", Text("7")},
        {"LRANGE bull:q:wait -8 -1", Texts({"9", "8", "7"})},
        {"LRANGE bull:q:paused -8 -1", Texts({"6"})},
        {"ZRANGE bull:q:prioritized 0 999", Texts({"5"})},
        {"HMGET bull:q:7 timestamp opts processedOn", Fields({"1799999990000", "{}", ""})},
        {"HMGET bull:q:6 timestamp opts processedOn", Fields({"1799999980000", "{}", ""})},
        {"HMGET bull:q:5 timestamp opts processedOn", Fields({"1799999970000", "{}", ""})},
        {"LLEN bull:q:active", Number(2)}},
       "waiting 34, in flight 2, delayed 2, oldest 30"},
      {"BullMQ 4, whose marker of the next delayed job is no job",
       Make<BullMq>(BullMqOptions{.prefix = "{app}"}),
       {{"ZCOUNT {app}:q:delayed (7372800000004095 +inf", Number(1)},
        {"LLEN {app}:q:wait", Number(1)},
        {"LINDEX {app}:q:wait -1", Text("0:1800000060000")},
        {"LRANGE {app}:q:wait -8 -1", Texts({"0:1800000060000"})}},
       "waiting 0, in flight 0, delayed 1, oldest 0"},
      {"BullMQ 2, whose marker has no time",
       Make<BullMq>(),
       {{"LLEN bull:q:wait", Number(1)},
        {"LINDEX bull:q:wait 0", Text("0")},
        {"LINDEX bull:q:wait -1", Text("0")},
        {"LRANGE bull:q:wait -8 -1", Texts({"0"})}},
       "waiting 0, in flight 0, delayed 0, oldest 0"},
      {"BullMQ 4, whose marker a job that comes first has got behind",
       Make<BullMq>(),
       {{"LLEN bull:q:wait", Number(2)},
        {"LINDEX bull:q:wait 0", Text("0:1800000060000")},
        {"LINDEX bull:q:wait -1", Text("1")},
        {"LRANGE bull:q:wait -8 -1", Texts({"0:1800000060000", "1"})},
        {"HMGET bull:q:1 timestamp opts processedOn", Fields({"1799999990000", "{}", ""})}},
       "waiting 1, in flight 0, delayed 0, oldest 10"},
      {"BullMQ, whose jobs were delayed, or begun before",
       Make<BullMq>(),
       {{"LLEN bull:q:wait", Number(3)},
        {"LRANGE bull:q:wait -8 -1", Texts({"1", "2", "3"})},
        {"HMGET bull:q:1 timestamp opts processedOn", Fields({"1799900000000", R"({"delay":99993000})", ""})},
        {"HMGET bull:q:2 timestamp opts processedOn", Fields({"1799900000000", "{}", "1799999996000"})},
        {"HMGET bull:q:3 timestamp opts processedOn", Fields({"", "", ""})}},
       "waiting 3, in flight 0, delayed 0, oldest 7"},
      {"BullMQ 4, paused, whose marker is in the other list",
       Make<BullMq>(),
       {{"ZCOUNT bull:q:delayed (7372800000004095 +inf", Number(1)},
        {"LLEN bull:q:paused", Number(1)},
        {"LINDEX bull:q:paused -1", Text("0:1800000060000")},
        {"LRANGE bull:q:paused -8 -1", Texts({"0:1800000060000"})}},
       "waiting 0, in flight 0, delayed 1, oldest 0"},
      {"Bull, whose priorities repeat jobs that wait",
       Make<Bull>(),
       {{"ZCOUNT bull:q:delayed -inf 7372800000004095", Number(1)},
        {"LLEN bull:q:wait", Number(3)},
        {"LLEN bull:q:paused", Number(4)},
        {"ZCARD bull:q:priority", Number(50)},
        {"LRANGE bull:q:wait -1000 -1", Texts({"9", "8", "7"})},
        {"HMGET bull:q:9 timestamp opts processedOn", Fields({"1799999990000", "{}", ""})},
        {"HMGET bull:q:8 timestamp opts processedOn", Fields({"1799999970000", "{}", ""})},
        {"HMGET bull:q:7 timestamp opts processedOn", Fields({"1799999980000", "{}", ""})},
        {"LLEN bull:q:active", Number(2)}},
       "waiting 8, in flight 2, delayed 0, oldest 30"},
      {"bee-queue",
       Make<BeeQueue>(),
       {{"ZCOUNT bq:q:delayed -inf 1800000000000", Number(1)},
        {"ZCOUNT bq:q:delayed (1800000000000 +inf", Number(2)},
        {"LLEN bq:q:waiting", Number(3)},
        {"LRANGE bq:q:waiting -8 -1", Texts({"3", "2"})},
        {"HGET bq:q:jobs 2", Text(R"({"data":{},"options":{"timestamp":1799999970000},"status":"created"})")},
        {"LLEN bq:q:active", Number(2)}},
       "waiting 4, in flight 2, delayed 2, oldest 30"},
      {"bee-queue, whose job was delayed",
       Make<BeeQueue>(),
       {{"LLEN bq:q:waiting", Number(1)},
        {"LRANGE bq:q:waiting -8 -1", Texts({"2"})},
        {"HGET bq:q:jobs 2", Text(R"({"options":{"timestamp":1799999970000,"delay":1799999992000}})")}},
       "waiting 1, in flight 0, delayed 0, oldest 8"},
      {"Laravel 13",
       Make<Laravel>(),
       {{"ZCOUNT laravel-database-queues:q:delayed -inf 1800000000.000", Number(1)},
        {"ZCOUNT laravel-database-queues:q:delayed (1800000000.000 +inf", Number(2)},
        {"LLEN laravel-database-queues:q", Number(3)},
        {"LRANGE laravel-database-queues:q 0 0", Texts({R"({"job":"x","createdAt":1799999970})"})},
        {"ZCARD laravel-database-queues:q:reserved", Number(2)}},
       "waiting 4, in flight 2, delayed 2, oldest 30"},
      {"Laravel, whose oldest job was released and is behind newer ones",
       Make<Laravel>(LaravelOptions{.prefix = "p:"}),
       {{"LLEN p:queues:q", Number(2)},
        {"LRANGE p:queues:q 0 0", Texts({R"({"createdAt":1799999970})"})},
        {"LRANGE p:queues:q -8 -1", Texts({R"({"createdAt":1799999970})", R"({"createdAt":1799999900})"})}},
       "waiting 2, in flight 0, delayed 0, oldest 100"},
      {"Laravel on a cluster",
       Make<Laravel>(LaravelOptions{.prefix = "p:", .hash_tag = true}),
       {{"ZCOUNT p:queues:{q}:delayed (1800000000.000 +inf", Number(2)},
        {"LLEN p:queues:{q}", Number(0)},
        {"ZCARD p:queues:{q}:reserved", Number(2)}},
       "waiting 0, in flight 2, delayed 2, oldest 0"},
      {"Huey",
       Make<Huey>(),
       {{"ZCOUNT huey.schedule.q -inf 1800000000.000", Number(1)},
        {"ZCOUNT huey.schedule.q (1800000000.000 +inf", Number(2)},
        {"LLEN huey.redis.q", Number(3)}},
       "waiting 4, delayed 2"},
      {"Huey with priorities",
       Make<Huey>(HueyOptions{.priority = true}),
       {{"ZCARD huey.redis.q", Number(2)},
        {"ZRANGE huey.redis.q 0 999", Texts({"\0\x06\x65\x17\x26\xce\xbc\x80pickle"s, "\0\x06\x65\x17\x2f\0\0\0p"s})}},
       "waiting 2, delayed 0, oldest 30"},
  }));
  INFO(example.description);
  CHECK(ShowAll(*example.layout, "q", example.replies) == example.counts);
}

TEST_CASE("names are written into keys as the framework does", "[layouts]") {
  const auto [layout, queue, key] =
      GENERATE(table<std::shared_ptr<const metrics::QueueLayout>, std::string, std::string>({
          {Make<Huey>(), "my-q", "huey.redis.myq"},
          {Make<Huey>(HueyOptions{.clean_name = false}), "my-q", "huey.redis.my-q"},
          {Make<Laravel>(LaravelOptions{.prefix = ""}), "{q}", "queues:{q}"},
          {Make<Laravel>(LaravelOptions{.prefix = "", .hash_tag = true}), "q", "queues:{q}"},
          {Make<Laravel>(LaravelOptions{.prefix = "", .hash_tag = true}), "a{q}b", "queues:a{q}b"},
          {Make<Laravel>(LaravelOptions{.prefix = "", .hash_tag = true}), "{}q", "queues:{{}q}"},
          {Make<Laravel>(LaravelOptions{.prefix = "", .hash_tag = true}), "q}{", "queues:{q}{}"},
      }));
  INFO(key);
  Answers redis({{"LLEN " + key, Number(3)}});
  CHECK(redis.Read(*layout, queue, {.waiting = true}).waiting == 3);
}

TEST_CASE("a queue that nobody has used is empty", "[layouts]") {
  const auto layout = GENERATE(values<std::shared_ptr<const metrics::QueueLayout>>(
      {Make<List>(), Make<Set>(), Make<Hash>(), Make<Counter>(), Make<SortedSet>(), Make<Rq>(), Make<Saq>(),
       Make<BullMq>(), Make<Bull>(), Make<BeeQueue>(), Make<Laravel>(), Make<Huey>()}));
  Answers nothing({});
  const auto counts = nothing.Read(*layout, "q", layout->Offers());
  CHECK(Show(kAllParts, counts) == "waiting 0, in flight 0, delayed 0, oldest 0");
  CHECK(nothing.rounds().size() == 1);
}

TEST_CASE("only what is wanted is asked, and places that jobs leave before those they go to", "[layouts]") {
  const Rq rq;
  Answers redis({});
  redis.Read(rq, "q", {.waiting = true, .in_flight = true});
  redis.Read(rq, "q", {.in_flight = true});
  redis.Read(rq, "q", {.delayed = true});
  CHECK(redis.rounds() ==
        std::vector<std::vector<std::string>>{{"ZCOUNT rq:scheduled:q -inf 1800000000.000", "LLEN rq:queue:q",
                                               "LLEN rq:queue:q:intermediate", "ZCARD rq:wip:q"},
                                              {"LLEN rq:queue:q:intermediate", "ZCARD rq:wip:q"},
                                              {"ZCOUNT rq:scheduled:q (1800000000.000 +inf"}});
}

TEST_CASE("Huey's keys have letters, digits and underscores of its name only", "[layouts]") {
  Answers redis({});
  redis.Read(Huey(), "my-app.v2_x", {.waiting = true});
  CHECK(redis.rounds().front().back() == "LLEN huey.redis.myappv2_x");
}

TEST_CASE("a job that is taken before its time is read makes the age be read again", "[layouts]") {
  Answers redis({{"LRANGE rq:queue:q 0 999", Texts({"a"})}});
  redis.ChangeIn(3, "LRANGE rq:queue:q 0 999", Texts({"b"}));
  redis.ChangeIn(4, "HGET rq:job:b enqueued_at", Text("2027-01-15T07:59:00Z"));
  CHECK(redis.Read(Rq(), "q", {.oldest_age = true}).oldest_age == std::chrono::seconds(60));
  CHECK(redis.rounds().size() == 4);

  Answers drained({{"LRANGE rq:queue:q 0 999", Texts({"a"})}});
  drained.ChangeIn(3, "LRANGE rq:queue:q 0 999", Array({}));
  CHECK(drained.Read(Rq(), "q", {.oldest_age = true}).oldest_age == std::chrono::seconds(0));
}

std::string ErrorOf(const metrics::QueueLayout& layout, std::map<std::string, Reply> replies) {
  try {
    Answers(std::move(replies)).Read(layout, "q", layout.Offers());
  } catch (const metrics::MetricUnavailableError& error) {
    return error.what();
  }
  return "no error at all";
}

TEST_CASE("what cannot be known is an error and never 0", "[layouts]") {
  struct Failing {
    std::shared_ptr<const metrics::QueueLayout> layout;
    std::map<std::string, Reply> replies;
    std::string error;
  };
  const auto example = GENERATE(values<Failing>({
      {Make<List>(),
       {{"LLEN q", Error("WRONGTYPE no list")}},
       R"(LLEN of the key "q" was answered "WRONGTYPE no list")"},
      {Make<Rq>(), {{"ZCARD rq:wip:q", Error("NOPERM")}}, R"(ZCARD of the key "rq:wip:q" was answered "NOPERM")"},
      {Make<Rq>(),
       {{"ZCARD rq:wip:q", {.type = Reply::Type::kError, .is_discarded = true, .text = "NOPERM"}}},
       R"(what is asked together with ZCARD of the key "rq:wip:q" was answered "NOPERM")"},
      {Make<Rq>(),
       {{"LLEN rq:queue:q", Nil()}},
       R"(LLEN of the key "rq:queue:q" was answered with a reply of the wrong type)"},
      {Make<Rq>(),
       {{"LRANGE rq:queue:q 0 999", Texts({"a"})}},
       R"(the age of the oldest job of the queue "q" cannot be known: RQ has no enqueued_at for it)"},
      {Make<Laravel>(),
       {{"LRANGE laravel-database-queues:q 0 0", Texts({R"({"job":"x"})"})}},
       R"(the age of the oldest job of the queue "q" cannot be known: its payload has no createdAt, which Laravel writes since 12.11)"},
      {Make<Counter>(), {{"GET q", Text("-1")}}, R"(the key "q" holds "-1", not a number of jobs)"},
      {Make<Counter>(), {{"GET q", Text("12x")}}, R"(the key "q" holds "12x", not a number of jobs)"},
      {Make<Counter>(), {{"GET q", Text("")}}, R"(the key "q" holds "", not a number of jobs)"},
      {Make<Counter>(), {{"GET q", Error("WRONGTYPE x")}}, R"(GET of the key "q" was answered "WRONGTYPE x")"},
  }));
  CHECK(ErrorOf(*example.layout, example.replies) == example.error);
}

TEST_CASE("jobs that are gone before their time is read are looked for once more", "[layouts]") {
  const auto layout = Make<BullMq>();
  const metrics::QueueRead read{.queue = "q", .wanted = {.waiting = true, .oldest_age = true}, .now = kNow};
  const std::vector<Reply> found{Text("1"), Text("1"), Nil(),     Nil(),         Number(0), Array({}),
                                 Number(1), Number(0), Number(0), Texts({"1"s}), Array({}), Array({})};
  std::vector<Reply> replies = found;
  metrics::redis::Batch time;
  REQUIRE_FALSE(layout->Count(read, PointersTo(replies), time).has_value());
  CHECK(Commands(time) == std::vector{"HMGET bull:q:1 timestamp opts processedOn"s});

  replies.push_back(Fields({"", "", ""}));
  metrics::redis::Batch again;
  REQUIRE_FALSE(layout->Count(read, PointersTo(replies), again).has_value());
  CHECK(again.size() == found.size() - 4);  // LINDEX, for markers, is the first round's alone.

  replies.insert(replies.end(), found.begin() + 4, found.end());
  metrics::redis::Batch time_again;
  REQUIRE_FALSE(layout->Count(read, PointersTo(replies), time_again).has_value());
  replies.push_back(Fields({std::to_string((kNowSeconds - 7) * 1000), "", ""}));
  metrics::redis::Batch nothing;
  const auto counts = layout->Count(read, PointersTo(replies), nothing);
  REQUIRE(counts.has_value());
  CHECK(counts->waiting == 1);
  CHECK(counts->oldest_age == std::chrono::seconds(7));
}

}  // namespace
}  // namespace test
