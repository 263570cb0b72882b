#include "test/integration/redis/layout_examples.h"

#include <chrono>
#include <future>
#include <utility>
#include <variant>

#include "metrics/layouts/arq.h"
#include "metrics/layouts/asynq.h"
#include "metrics/layouts/bee_queue.h"
#include "metrics/layouts/bull.h"
#include "metrics/layouts/bullmq.h"
#include "metrics/layouts/by_type.h"
#include "metrics/layouts/celery.h"
#include "metrics/layouts/counter.h"
#include "metrics/layouts/dramatiq.h"
#include "metrics/layouts/hash.h"
#include "metrics/layouts/huey.h"
#include "metrics/layouts/laravel.h"
#include "metrics/layouts/list.h"
#include "metrics/layouts/reliable_list.h"
#include "metrics/layouts/resque.h"
#include "metrics/layouts/rq.h"
#include "metrics/layouts/saq.h"
#include "metrics/layouts/set.h"
#include "metrics/layouts/sidekiq.h"
#include "metrics/layouts/sorted_set.h"
#include "metrics/layouts/stream.h"
#include "metrics/layouts/taskiq.h"

namespace test {
namespace {

using namespace metrics::layouts;

/// Seconds since 1970, so many after now.
std::int64_t Seconds(std::int64_t after_now) {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count() +
         after_now;
}

std::string In(std::int64_t after_now, std::int64_t units_per_second = 1) {
  return std::to_string(Seconds(after_now) * units_per_second);
}

std::string Iso(std::int64_t after_now) {
  const std::time_t time = Seconds(after_now);
  std::tm utc{};
  ::gmtime_r(&time, &utc);
  std::string text(32, '\0');
  text.resize(std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S.123456Z", &utc));
  return text;
}

template <typename Layout, typename... Options>
std::shared_ptr<const metrics::QueueLayout> Make(Options... options) {
  return std::make_shared<Layout>(options...);
}

void WriteStream(RedisServer& redis) {
  for (int i = 0; i < 5; ++i) redis.Command({"XADD", "q", In(-60, 1000) + "-" + std::to_string(i + 1), "job", "x"});
}

/// Two entries are delivered, and one of the others is deleted, so that Redis has no lag.
void WriteGroup(RedisServer& redis, std::string_view group) {
  WriteStream(redis);
  redis.Command({"XGROUP", "CREATE", "q", group, "0"});
  redis.Command({"XREADGROUP", "GROUP", group, "worker", "COUNT", "2", "STREAMS", "q", ">"});
  redis.Command({"XDEL", "q", redis.Command({"XRANGE", "q", "-", "+"}).elements[3].elements[0].text});
}

std::string CeleryMessage(const std::string& exchange, const std::string& routing_key, const std::string& eta) {
  return R"([{"body":"W10=","headers":{"eta":)" + eta + "}},\"" + exchange + "\",\"" + routing_key + "\"]";
}

std::string DramatiqMessage(std::int64_t eta) {
  return R"({"queue_name":"q.DQ","options":{"eta":)" + In(eta, 1000) + R"(},"message_timestamp":)" + In(-60, 1000) +
         "}";
}

std::vector<LayoutExample> MakeExamples() {
  const std::string sep = "\x06\x16";
  const std::string of_q = R"({"queue":"q","class":"Job","enqueued_at":)" + In(-60) + "}";
  const std::string of_other = R"({"queue":"other","class":"Job"})";
  std::vector<LayoutExample> examples;
  const auto add = [&examples](LayoutExample example) { examples.push_back(std::move(example)); };

  add({"by-type", Make<ByType>(), "q", [](auto& redis) { redis.Command({"ZADD", "q", "1", "a"}); }, "waiting 1"});
  add({"list", Make<List>(), "q", [](auto& redis) { redis.Command({"RPUSH", "q", "a", "b"}); }, "waiting 2"});
  add({"set", Make<Set>(), "q", [](auto& redis) { redis.Command({"SADD", "q", "a", "b"}); }, "waiting 2"});
  add({"hash", Make<Hash>(), "q", [](auto& redis) { redis.Command({"HSET", "q", "a", "1", "b", "2"}); }, "waiting 2"});
  add({"counter", Make<Counter>(), "q", [](auto& redis) { redis.Command({"INCRBY", "q", "2"}); }, "waiting 2"});
  add({"sorted-set", Make<SortedSet>(), "q", [](auto& redis) { redis.Command({"ZADD", "q", "9", "a"}); }, "waiting 1"});
  add({"sorted-set with due times", Make<SortedSet>(SortedSetOptions{.due = TimeUnit::kSeconds}), "q",
       [](auto& redis) {
         redis.Command({"ZADD", "q", In(-60), "a", In(60), "b", In(60), "c"});
       },
       "waiting 1, delayed 2"});
  add({"reliable-list", Make<ReliableList>(), "q",
       [](auto& redis) {
         redis.Command({"RPUSH", "q", "a", "b", "c"});
         redis.Command({"LMOVE", "q", "q:processing", "LEFT", "RIGHT"});
       },
       "waiting 2, in flight 1"});
  add({"reliable-list with workers",
       Make<ReliableList>(
           ReliableListOptions{.processing = {}, .workers = "{queue}:workers", .delayed = "{queue}:later"}),
       "q",
       [](auto& redis) {
         redis.Command({"SADD", "q:workers", "w1", "w2", "idle"});
         redis.Command({"RPUSH", "q", "a", "b", "c"});
         redis.Command({"LMOVE", "q", "q:processing:w1", "LEFT", "RIGHT"});
         redis.Command({"LMOVE", "q", "q:processing:w2", "LEFT", "RIGHT"});
         redis.Command({"ZADD", "q:later", In(-60), "d", In(60), "e"});
       },
       "waiting 2, in flight 2, delayed 1",
       {"w1", "w2"}});
  add({"stream", Make<Stream>(), "q", WriteStream, "waiting 5"});
  add({"stream with groups",
       Make<Stream>(StreamOptions{.groups = {"g"}}),
       "q",
       [](auto& redis) { WriteGroup(redis, "g"); },
       "waiting 2, in flight 2",
       {"worker"}});
  add({"celery", Make<Celery>(), "q",
       [=](auto& redis) {
         redis.Command({"LPUSH", "q", "a", "b"});
         redis.Command({"LPUSH", "q" + sep + "9", "c"});
         redis.Command({"HSET", "unacked", "1", CeleryMessage("", "q", "null"), "2",
                        CeleryMessage("", "q", '"' + Iso(3600) + '"'), "3", CeleryMessage("", "other", "null"), "4",
                        CeleryMessage("ex", "rk", "null")});
         redis.Command({"SADD", "_kombu.binding.ex", "rk" + sep + sep + "q"});
       },
       "waiting 3, in flight 2, delayed 1"});
  add({"rq",
       Make<Rq>(),
       "q",
       [](auto& redis) {
         redis.Command({"RPUSH", "rq:queue:q", "a", "b"});
         redis.Command({"HSET", "rq:job:a", "enqueued_at", Iso(-60)});
         redis.Command({"RPUSH", "rq:queue:q:intermediate", "c"});
         redis.Command({"ZADD", "rq:wip:q", In(90), "d:1"});
         redis.Command({"ZADD", "rq:scheduled:q", In(-5), "e", In(60), "f"});
         redis.Command({"SADD", "rq:workers:q", "rq:worker:1", "rq:worker:2", "rq:worker:3"});
         redis.Command({"HSET", "rq:worker:1", "hostname", "pod-1", "state", "busy"});
         redis.Command({"HSET", "rq:worker:2", "hostname", "pod-2", "state", "idle"});
       },
       "waiting 3, in flight 2, delayed 1",
       {"pod-1"}});
  add({"dramatiq", Make<Dramatiq>(), "q",
       [](auto& redis) {
         redis.Command({"RPUSH", "dramatiq:q", "a", "b"});
         redis.Command({"HSET", "dramatiq:q.msgs", "a", DramatiqMessage(0), "b", DramatiqMessage(0), "c", "{}"});
         redis.Command({"HSET", "dramatiq:q.DQ.msgs", "d", DramatiqMessage(-1), "e", DramatiqMessage(60)});
       },
       "waiting 3, in flight 1, delayed 1"});
  add({"arq", Make<Arq>(), "arq:queue",
       [](auto& redis) {
         redis.Command({"ZADD", "arq:queue", In(-70, 1000), "a", In(-60, 1000), "b", In(60, 1000), "c"});
         redis.Command({"SET", "arq:in-progress:a", "1"});
       },
       "waiting 1, in flight 1, delayed 1"});
  add({"saq", Make<Saq>(), "q",
       [](auto& redis) {
         redis.Command({"RPUSH", "saq:q:queued", "saq:job:q:a"});
         redis.Command({"SET", "saq:job:q:a", R"({"queued":)" + In(-60, 1000) + "}"});
         redis.Command({"RPUSH", "saq:q:active", "saq:job:q:b"});
         redis.Command({"ZADD", "saq:q:incomplete", "0", "a", "0", "b", In(-5), "c", In(60), "d"});
       },
       "waiting 2, in flight 1, delayed 1"});
  add({"huey", Make<Huey>(), "my-q",
       [](auto& redis) {
         redis.Command({"LPUSH", "huey.redis.myq", "a"});
         redis.Command({"ZADD", "huey.schedule.myq", In(-5), "b", In(60), "c"});
       },
       "waiting 2, delayed 1"});
  add({"huey with priorities", Make<Huey>(HueyOptions{.priority = true}), "q",
       [](auto& redis) {
         std::string task = "pickle";
         for (auto rest = static_cast<std::uint64_t>(Seconds(-60) * 1'000'000), i = std::uint64_t{0}; i < 8; ++i) {
           task.insert(task.begin(), static_cast<char>(rest & 0xffU));
           rest >>= 8U;
         }
         redis.Command({"ZADD", "huey.redis.q", "-5", task});
       },
       "waiting 1, delayed 0"});
  add({"taskiq-list", Make<TaskiqList>(), "q", [](auto& redis) { redis.Command({"LPUSH", "q", "a"}); }, "waiting 1"});
  add({"taskiq-stream",
       Make<TaskiqStream>(),
       "q",
       [](auto& redis) { WriteGroup(redis, "taskiq"); },
       "waiting 2, in flight 2",
       {"worker"}});
  add({"sidekiq",
       Make<Sidekiq>(),
       "q",
       [=](auto& redis) {
         redis.Command({"LPUSH", "queue:q", of_q});
         redis.Command({"SADD", "processes", "host:1:a", "host:2:dead"});
         redis.Command({"HSET", "host:1:a:work", "t1", of_q, "t2", of_other});
         redis.Command({"ZADD", "schedule", In(-5), of_q, In(60), of_other});
         redis.Command({"ZADD", "retry", In(60), of_q});
       },
       "waiting 2, in flight 1, delayed 1",
       {"host:1:a"}});
  add({"resque",
       Make<Resque>(),
       "q",
       [=](auto& redis) {
         redis.Command({"RPUSH", "resque:queue:q", of_q});
         redis.Command({"SADD", "resque:workers", "host:1:q", "host:2:*", "host:3:q"});
         redis.Command({"SET", "resque:worker:host:1:q", of_q});
         redis.Command({"SET", "resque:worker:host:2:*", of_other});
         redis.Command({"ZADD", "resque:delayed_queue_schedule", "5", "5", "99999999999", "99999999999"});
         redis.Command({"RPUSH", "resque:delayed:5", of_q, of_other});
         redis.Command({"RPUSH", "resque:delayed:99999999999", of_q});
       },
       "waiting 2, in flight 1, delayed 1",
       {"host:1:q"}});
  add({"bullmq",
       Make<BullMq>(),
       "q",
       [](auto& redis) {
         redis.Command({"LPUSH", "bull:q:wait", "1"});
         redis.Command({"LPUSH", "bull:q:paused", "2"});
         redis.Command({"ZADD", "bull:q:prioritized", "42949672960", "3"});
         redis.Command({"HSET", "bull:q:1", "timestamp", In(-60, 1000)});
         redis.Command({"LPUSH", "bull:q:active", "4"});
         redis.Command({"HSET", "bull:q:4", "processedOn", In(-5, 1000), "pb", "pod-1"});
         redis.Command({"ZADD", "bull:q:delayed", In(-5, 4096000), "5", In(60, 4096000), "6"});
       },
       "waiting 4, in flight 1, delayed 1",
       {"pod-1"}});
  add({"bull", Make<Bull>(), "q",
       [](auto& redis) {
         redis.Command({"LPUSH", "bull:q:wait", "1", "2"});
         redis.Command({"ZADD", "bull:q:priority", "1", "1"});
         redis.Command({"HSET", "bull:q:1", "timestamp", In(-60, 1000)});
         redis.Command({"LPUSH", "bull:q:active", "4"});
         redis.Command({"ZADD", "bull:q:delayed", In(-5, 4096000), "5", In(60, 4096000), "6"});
       },
       "waiting 3, in flight 1, delayed 1"});
  add({"bee-queue", Make<BeeQueue>(), "q",
       [](auto& redis) {
         redis.Command({"LPUSH", "bq:q:waiting", "1"});
         redis.Command({"HSET", "bq:q:jobs", "1", R"({"options":{"timestamp":)" + In(-60, 1000) + "}}"});
         redis.Command({"LPUSH", "bq:q:active", "2"});
         redis.Command({"ZADD", "bq:q:delayed", In(-5, 1000), "3", In(60, 1000), "4"});
       },
       "waiting 2, in flight 1, delayed 1"});
  add({"laravel", Make<Laravel>(), "q",
       [](auto& redis) {
         redis.Command({"RPUSH", "laravel-database-queues:q", R"({"createdAt":)" + In(-60) + "}"});
         redis.Command({"ZADD", "laravel-database-queues:q:reserved", In(-5), "a"});
         redis.Command({"ZADD", "laravel-database-queues:q:delayed", In(-5), "b", In(60), "c"});
       },
       "waiting 2, in flight 1, delayed 1"});
  add({"asynq",
       Make<Asynq>(),
       "q",
       [](auto& redis) {
         redis.Command({"LPUSH", "asynq:{q}:pending", "a"});
         redis.Command({"HSET", "asynq:{q}:t:a", "pending_since", In(-60, 1'000'000'000)});
         redis.Command({"LPUSH", "asynq:{q}:active", "b"});
         redis.Command({"ZADD", "asynq:{q}:scheduled", In(-5), "c", In(60), "d"});
         redis.Command({"ZADD", "asynq:{q}:retry", In(60), "e"});
         redis.Command({"SADD", "asynq:{q}:groups", "mail"});
         redis.Command({"ZADD", "asynq:{q}:g:mail", In(0), "f"});
         redis.Command({"ZADD", "asynq:{q}:aggregation_sets", In(60), "asynq:{q}:g:mail:1"});
         redis.Command({"ZADD", "asynq:{q}:g:mail:1", In(0), "g"});
         redis.Command({"ZADD", "asynq:workers", In(10), "asynq:workers:{pod-1:1:a}", In(10),
                        "asynq:workers:{pod-2:1:b}", In(-3600), "asynq:workers:{long-dead:1:c}"});
         redis.Command({"HSET", "asynq:workers:{pod-1:1:a}", "b", "protobuf"});
       },
       "waiting 3, in flight 2, delayed 2",
       {"pod-1:1:a"}});
  return examples;
}

}  // namespace

const std::vector<LayoutExample>& LayoutExamples() {
  static const std::vector<LayoutExample> kExamples = MakeExamples();
  return kExamples;
}

metrics::QueueCounts Read(Client& client, const std::shared_ptr<const metrics::QueueLayout>& layout,
                          const std::string& queue, metrics::QueueParts wanted) {
  metrics::QueueReader reader(client.observer);
  std::promise<metrics::QueueOutcome> promise;
  reader.Read(
      {{&client.connection, layout, queue, wanted}}, std::chrono::steady_clock::now() + kLong,
      [&promise](std::vector<metrics::QueueOutcome> outcomes) { promise.set_value(std::move(outcomes.at(0))); });
  const metrics::QueueOutcome outcome = promise.get_future().get();
  if (const auto* error = std::get_if<metrics::MetricUnavailable>(&outcome)) {
    throw MetricUnavailableError(error->kind, error->text);
  }
  return std::get<metrics::QueueReading>(outcome).counts;
}

}  // namespace test
