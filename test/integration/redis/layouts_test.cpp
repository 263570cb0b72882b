// Layouts on a real Redis: keys as the frameworks write them, and streams in every state they can get into.
#include <algorithm>
#include <chrono>
#include <memory>
#include <random>
#include <stop_token>
#include <string>
#include <thread>

#include "metrics/layouts/asynq.h"
#include "metrics/layouts/bullmq.h"
#include "metrics/layouts/celery.h"
#include "metrics/layouts/dramatiq.h"
#include "metrics/layouts/resque.h"
#include "metrics/layouts/rq.h"
#include "metrics/layouts/sidekiq.h"
#include "metrics/layouts/sorted_set.h"
#include "metrics/layouts/stream.h"
#include "test/integration/redis/layout_examples.h"
#include "test/integration/redis/redis_test.h"
#include "test/support/answers.h"
#include "test/support/catch.h"
#include "test/support/redis_server.h"

namespace test {
namespace {

using metrics::layouts::TimeUnit;
using metrics::redis::Protocol;

TEST_CASE("a queue is read as its framework keeps it", "[redis][layouts]") {
  const auto protocol = GENERATE(Protocol::kResp2, Protocol::kResp3);
  INFO("RESP" << static_cast<int>(protocol));
  RedisServer server;
  Client client({.endpoint = server.endpoint(), .timeout = kLong, .protocol = protocol});
  for (const LayoutExample& example : LayoutExamples()) {
    INFO(example.name);
    server.Command({"FLUSHALL"});
    const metrics::QueueParts offered = example.layout->Offers();
    CHECK(Show(kAllParts, Read(client, example.layout, example.queue, offered)) ==
          "waiting 0, in flight 0, delayed 0, oldest 0");

    example.write(server);
    const auto counts = Read(client, example.layout, example.queue, offered);
    CHECK(Show({offered.waiting, offered.in_flight, offered.delayed}, counts) == example.counts);
    if (offered.oldest_age) {
      CHECK(counts.oldest_age >= std::chrono::seconds(59));
      CHECK(counts.oldest_age <= std::chrono::hours(1));  // However long this took: not a thousand times too old.
    }
    auto holders = counts.holders;
    std::sort(holders.begin(), holders.end());
    CHECK(holders == example.holders);
    // Each part alone is what it is among the others.
    CHECK(Read(client, example.layout, example.queue, {.waiting = true}).waiting == counts.waiting);
    if (offered.in_flight) {
      CHECK(Read(client, example.layout, example.queue, {.in_flight = true}).in_flight == counts.in_flight);
    }
    if (offered.holders) {
      CHECK(Read(client, example.layout, example.queue, {.in_flight = true, .holders = true}).holders.size() ==
            holders.size());
    }
    if (offered.delayed) {
      CHECK(Read(client, example.layout, example.queue, {.delayed = true}).delayed == counts.delayed);
    }
  }
}

/// What `group` was not given, by asking Redis for all of it.
std::int64_t Undelivered(RedisServer& server, std::string_view group) {
  for (const auto& info : server.Command({"XINFO", "GROUPS", "q"}).elements) {
    if (info.elements[1].text == group) {
      const std::string& last = info.elements[7].text;
      return static_cast<std::int64_t>(server.Command({"XRANGE", "q", "(" + last, "+"}).elements.size());
    }
  }
  throw std::runtime_error("no such group");
}

TEST_CASE("what a group has still to do is exact, whatever was deleted, trimmed or moved", "[redis][layouts]") {
  const auto protocol = GENERATE(Protocol::kResp2, Protocol::kResp3);
  INFO("RESP" << static_cast<int>(protocol));
  RedisServer server;
  Client client({.endpoint = server.endpoint(), .timeout = kLong, .protocol = protocol});
  const auto layout = std::make_shared<metrics::layouts::Stream>(metrics::layouts::StreamOptions{.groups = {"g"}});
  const auto seed = GENERATE(1U, 2U, 3U, 4U);
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto chance = [&random](unsigned percent) { return random() % 100 < percent; };
  server.Command({"FLUSHALL"});
  server.Command({"XGROUP", "CREATE", "q", "g", chance(50) ? "0" : "$", "MKSTREAM"});
  for (int step = 0; step < 400; ++step) {
    const auto any_id = [&]() -> std::string {
      const auto entries = server.Command({"XRANGE", "q", "-", "+"}).elements;
      return entries.empty() ? "0-1" : entries[random() % entries.size()].elements[0].text;
    };
    if (chance(50)) server.Command({"XADD", "q", "*", "job", "x"});
    if (chance(30)) {
      const auto read = server.Command({"XREADGROUP", "GROUP", "g", "w", "COUNT", "2", "STREAMS", "q", ">"});
      if (read.type == Reply::Type::kArray && chance(50)) {
        server.Command({"XACK", "q", "g", read.elements[0].elements[1].elements[0].elements[0].text});
      }
    }
    if (chance(10)) server.Command({"XDEL", "q", any_id()});
    if (chance(5)) server.Command({"XTRIM", "q", "MAXLEN", std::to_string(random() % 10)});
    if (chance(3)) server.Command({"XGROUP", "SETID", "q", "g", chance(50) ? "$" : any_id()});
    INFO("step " << step);
    const auto counts = Read(client, layout, "q", {.waiting = true, .in_flight = true, .oldest_age = true});
    REQUIRE(counts.waiting == Undelivered(server, "g"));
    REQUIRE(counts.in_flight == server.Command({"XPENDING", "q", "g"}).elements[0].integer);
  }
}

TEST_CASE("a long backlog behind a deletion is read as what is left of it, not as all that was ever done",
          "[redis][layouts]") {
  RedisServer server;
  Client client({.endpoint = server.endpoint(), .timeout = kLong});
  server.Command({"EVAL", "for i = 1, 4000 do redis.call('XADD', 'q', i .. '-0', 'job', 'x') end", "0"});
  server.Command({"XGROUP", "CREATE", "q", "g", "0"});
  server.Command({"XREADGROUP", "GROUP", "g", "w", "COUNT", "2500", "NOACK", "STREAMS", "q", ">"});
  server.Command({"XDEL", "q", "3000-0"});
  const auto layout = std::make_shared<metrics::layouts::Stream>(metrics::layouts::StreamOptions{.groups = {"g"}});
  CHECK(Read(client, layout, "q", {.waiting = true}).waiting == 1500);
  CHECK(Undelivered(server, "g") == 1499);
}

TEST_CASE("a lag that cannot be is not believed", "[redis][layouts]") {
  RedisServer server;
  Client client({.endpoint = server.endpoint(), .timeout = kLong});
  for (const char* id : {"1-0", "2-0", "3-0"}) server.Command({"XADD", "q", id, "job", "x"});
  server.Command({"XGROUP", "CREATE", "q", "g", "1-0", "ENTRIESREAD", "100"});
  const auto layout = std::make_shared<metrics::layouts::Stream>(metrics::layouts::StreamOptions{.groups = {"g"}});
  CHECK(Read(client, layout, "q", {.waiting = true}).waiting == 2);
}

TEST_CASE("large entries of a stream are counted without reading them all at once", "[redis][layouts]") {
  RedisServer server;
  Client client({.endpoint = server.endpoint(), .timeout = kLong});
  server.Command(
      {"EVAL", "for i = 1, 120 do redis.call('XADD', 'q', i .. '-0', 'job', string.rep('x', 300000)) end", "0"});
  server.Command({"XGROUP", "CREATE", "q", "g", "0"});
  server.Command({"XREADGROUP", "GROUP", "g", "w", "COUNT", "1", "NOACK", "STREAMS", "q", ">"});
  server.Command({"XDEL", "q", "60-0"});
  const auto layout = std::make_shared<metrics::layouts::Stream>(metrics::layouts::StreamOptions{.groups = {"g"}});
  CHECK(Read(client, layout, "q", {.waiting = true}).waiting == 119);  // Beyond what is counted: with the deleted one.
}

TEST_CASE("an idle queue of Celery is empty while others of its database come and go", "[redis][layouts]") {
  RedisServer server;
  Client busy({.endpoint = server.endpoint(), .timeout = kLong});
  busy.Ask({"HSET", "unacked", "stays", R"([{"headers":{}},"","busy"])"});
  std::jthread worker([&busy](const std::stop_token& stop) {
    for (int tag = 0; !stop.stop_requested(); ++tag) {
      busy.Ask({"HSET", "unacked", std::to_string(tag), R"([{"headers":{}},"","busy"])"});
      if (tag >= 20) busy.Ask({"HDEL", "unacked", std::to_string(tag - 20)});
    }
  });
  Client client({.endpoint = server.endpoint(), .timeout = kLong});
  const auto celery = std::make_shared<metrics::layouts::Celery>();
  for (int reading = 0; reading < 200; ++reading) {
    REQUIRE(Read(client, celery, "idle", {.waiting = true, .in_flight = true}).in_flight == 0);
    REQUIRE(Read(client, celery, "busy", {.waiting = true, .in_flight = true}).in_flight >= 1);
  }
}

TEST_CASE("a queue where only delayed jobs wait, that are due, is as old as the first of them", "[redis][layouts]") {
  RedisServer server;
  Client client({.endpoint = server.endpoint(), .timeout = kLong});
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto due = std::chrono::duration_cast<std::chrono::seconds>(now).count() - 300;
  const auto score = std::to_string(due);
  server.Command({"HSET", "dramatiq:q.DQ.msgs", "a", R"({"options":{"eta":)" + score + "000}}"});
  server.Command({"ZADD", "schedule", score, R"({"queue":"q"})", "5", R"({"queue":"other"})"});
  server.Command({"SADD", "asynq:{q}:groups", "mail"});
  server.Command({"ZADD", "asynq:{q}:g:mail", score, "a"});
  const auto layout = GENERATE(values<std::shared_ptr<const metrics::QueueLayout>>(
      {std::make_shared<metrics::layouts::Dramatiq>(), std::make_shared<metrics::layouts::Sidekiq>(),
       std::make_shared<metrics::layouts::Asynq>()}));
  const auto age = Read(client, layout, "q", {.oldest_age = true}).oldest_age;
  CHECK(age >= std::chrono::seconds(300));
  CHECK(age <= std::chrono::hours(1));
  CHECK(Read(client, layout, "q", {.waiting = true, .oldest_age = true}).waiting == 1);
  CHECK(Read(client, layout, "idle", {.oldest_age = true}).oldest_age == std::chrono::seconds(0));
}

TEST_CASE("the oldest job is found behind newer ones and expired ones", "[redis][layouts]") {
  RedisServer server;
  Client client({.endpoint = server.endpoint(), .timeout = kLong});
  const auto age = [&](const std::shared_ptr<const metrics::QueueLayout>& layout) {
    return Read(client, layout, "q", {.oldest_age = true}).oldest_age;
  };
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
  const auto milliseconds = [now](std::int64_t ago) { return std::to_string((now.count() - ago) * 1000); };
  for (int i = 0; i < 30; ++i) {
    const std::string id = std::to_string(i);
    server.Command({"RPUSH", "rq:queue:q", id});
    server.Command({"RPUSH", "dramatiq:q", id});
    server.Command({"HSET", "dramatiq:q.msgs", id, R"({"message_timestamp":)" + milliseconds(0) + "}"});
  }
  server.Command({"RPUSH", "rq:queue:q", "old"});
  server.Command({"HSET", "rq:job:old", "enqueued_at", "2026-01-01T00:00:00Z"});
  CHECK(age(std::make_shared<metrics::layouts::Rq>()) > std::chrono::hours(1));
  server.Command({"RPUSH", "dramatiq:q", "old"});
  server.Command({"HSET", "dramatiq:q.msgs", "old", R"({"message_timestamp":)" + milliseconds(7200) + "}"});
  CHECK(age(std::make_shared<metrics::layouts::Dramatiq>()) > std::chrono::hours(1));
}

TEST_CASE("as many jobs as Resque may delay fit into a reply", "[redis][layouts]") {
  RedisServer server;
  Client client({.endpoint = server.endpoint(), .timeout = kLong});
  server.Command({"EVAL",
                  "for second = 3000000001, 3000001000 do"
                  "  redis.call('ZADD', 'resque:delayed_queue_schedule', second, second);"
                  "  for job = 1, 100 do redis.call('RPUSH', 'resque:delayed:' .. second, ARGV[1]) end "
                  "end",
                  "0", R"({"class":"Job","args":[")" + std::string(200, 'x') + R"("],"queue":"q"})"});
  const auto resque = std::make_shared<metrics::layouts::Resque>();
  CHECK(Read(client, resque, "q", {.waiting = true, .in_flight = true, .delayed = true}).delayed == 100'000);
}

TEST_CASE("a job that is due since no time leaves the age of the others", "[redis][layouts]") {
  RedisServer server;
  Client client({.endpoint = server.endpoint(), .timeout = kLong});
  server.Command({"ZADD", "q", "-inf", "first", "-1e300", "second", "1700000000", "third"});
  const auto unit = GENERATE(TimeUnit::kSeconds, TimeUnit::kMilliseconds);
  const auto layout = std::make_shared<metrics::layouts::SortedSet>(metrics::layouts::SortedSetOptions{.due = unit});
  const auto counts = Read(client, layout, "q", {.waiting = true, .oldest_age = true});
  CHECK(counts.waiting == 3);
  CHECK(counts.oldest_age > std::chrono::hours(1));
}

TEST_CASE("large jobs of Sidekiq that are due still count", "[redis][layouts]") {
  RedisServer server;
  Client client({.endpoint = server.endpoint(), .timeout = kLong});
  server.Command({"EVAL",
                  "for job = 1, 1001 do redis.call('ZADD', 'retry', 1700000000 + job, "
                  "string.format('{\"queue\":\"q\",\"jid\":%d,\"x\":\"%s\"}', job, string.rep('x', 18000))) end",
                  "0"});
  const auto sidekiq = std::make_shared<metrics::layouts::Sidekiq>();
  const auto counts = Read(client, sidekiq, "q", {.waiting = true, .in_flight = true, .oldest_age = true});
  CHECK(counts.waiting == 1001);
  CHECK(counts.oldest_age > std::chrono::hours(1));
}

TEST_CASE("the marker of BullMQ 4 is no job, also while the queue is paused", "[redis][layouts]") {
  RedisServer server;
  Client client({.endpoint = server.endpoint(), .timeout = kLong});
  const auto bullmq = std::make_shared<metrics::layouts::BullMq>();
  server.Command({"RPUSH", "bull:q:paused", "0:1795548890752"});
  CHECK(Read(client, bullmq, "q", {.waiting = true}).waiting == 0);
  server.Command({"LPUSH", "bull:q:paused", "1", "2"});
  CHECK(Read(client, bullmq, "q", {.waiting = true}).waiting == 2);
}

}  // namespace
}  // namespace test
