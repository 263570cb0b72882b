// The layouts that must read messages to count them.
#include <string>

#include "metrics/layouts/celery.h"
#include "metrics/layouts/dramatiq.h"
#include "metrics/metric_provider.h"
#include "test/support/answers.h"
#include "test/support/catch.h"

namespace test {
namespace {

using metrics::layouts::Celery;
using metrics::layouts::Dramatiq;

constexpr metrics::QueueParts kNotAge{.waiting = true, .in_flight = true, .delayed = true};

/// A value of "unacked", as kombu writes it.
std::string Unacked(const std::string& exchange, const std::string& routing_key, const std::string& eta = "null") {
  return R"([{"body":"W10=","headers":{"id":"x","eta":)" + eta + R"(,"retries":0},"properties":{"priority":0}},")" +
         exchange + R"(",")" + routing_key + R"("])";
}

/// A hash of messages.
std::map<std::string, Reply> Hash(const std::string& key, const std::map<std::string, std::string>& messages) {
  std::map<std::string, Reply> replies{{"HLEN " + key, Number(static_cast<std::int64_t>(messages.size()))}};
  std::vector<std::string> fields;
  std::vector<std::string> values;
  for (const auto& [field, message] : messages) {
    fields.push_back(field);
    values.push_back(message);
    replies["HSTRLEN " + key + " " + field] = Number(static_cast<std::int64_t>(message.size()));
  }
  replies["HKEYS " + key] = Texts(fields);
  replies["HVALS " + key] = Texts(values);
  return replies;
}

std::map<std::string, Reply> Both(std::map<std::string, Reply> a, const std::map<std::string, Reply>& b) {
  a.insert(b.begin(), b.end());
  return a;
}

TEST_CASE("Celery's queue is the lists of its priorities", "[layouts]") {
  Answers redis({{"LLEN q", Number(1)},
                 {"LLEN q\x06\x16"
                  "3",
                  Number(2)},
                 {"LLEN q\x06\x16"
                  "6",
                  Number(4)},
                 {"LLEN q\x06\x16"
                  "9",
                  Number(8)}});
  CHECK(Show(kNotAge, redis.Read(Celery(), "q", kNotAge)) == "waiting 15, in flight 0, delayed 0");
  CHECK(redis.rounds().size() == 1);
  CHECK(redis.Read(Celery(), "q", {.waiting = true}).waiting == 15);
  CHECK(redis.rounds().back().size() == 4);

  Answers other({{"LLEN app:q", Number(1)}, {"LLEN app:q:5", Number(2)}});
  const Celery options({.global_keyprefix = "app:", .unacked_key = "mine", .priority_steps = {0, 5}, .sep = ":"});
  CHECK(other.Read(options, "q", kNotAge).waiting == 3);
  CHECK(other.rounds().back() == std::vector<std::string>{"HLEN app:mine", "LLEN app:q", "LLEN app:q:5"});
}

TEST_CASE("of Celery's unacked messages, each belongs to one queue, and is in flight once its ETA has come",
          "[layouts]") {
  const auto hash = Hash("unacked", {{"a", Unacked("", "q")},
                                     {"b", Unacked("", "q", R"("2027-01-15T07:59:59.123456+00:00")")},
                                     {"c", Unacked("", "q", R"("2027-01-15T09:00:00+00:00")")},
                                     {"d", Unacked("", "other")},
                                     {"e", Unacked("", "q2", R"("2027-01-15T09:00:00+00:00")")}});
  CHECK(ShowAll(Celery(), "q", Both(hash, {{"LLEN q", Number(3)}})) == "waiting 3, in flight 2, delayed 1");
  CHECK(Answers(hash).Read(Celery(), "q", {.delayed = true}).delayed == 1);
  CHECK(Answers({}).Read(Celery(), "q", {.delayed = true}).delayed == 0);
  CHECK(ShowAll(Celery(), "other", hash) == "waiting 0, in flight 1, delayed 0");
  CHECK(ShowAll(Celery(), "q2", hash) == "waiting 0, in flight 0, delayed 1");
  CHECK(ShowAll(Celery(), "q3", hash) == "waiting 0, in flight 0, delayed 0");
}

TEST_CASE("the queue of a message is known however JSON writes it", "[layouts]") {
  const std::string message = R"({"body":"W10=","headers":{"eta":null}})";
  struct Case {
    std::string json;
    std::string queue;
  };
  const auto example = GENERATE_COPY(values<Case>({
      {"[" + message + R"(, "", "q"])", "q"},
      {"[ " + message + R"( ,"" , "q" ])", "q"},
      {"[" + message + R"(, "", "q\u00fc"])", "qü"},
      {"[" + message + R"(, "", "say \"q\""])", R"(say "q")"},
      {"[" + message + R"(, "", "q\\"])", R"(q\)"},
      {"[" + message + R"(, "", ""])", ""},
      {"[" + message + R"(, "\u0065x", "rk"])", "bound"},
      {"[" + message + R"(, "", "q", ["", "r"]])", "q"},
  }));
  INFO(example.json);
  const auto replies =
      Both(Hash("unacked", {{"a", example.json}}), {{"SRANDMEMBER _kombu.binding.ex 1001", Texts({"rk\x06\x16\x06\x16"
                                                                                                  "bound"})}});
  CHECK(ShowAll(Celery(), example.queue, replies) == "waiting 0, in flight 1, delayed 0");
  CHECK(ShowAll(Celery(), "another", replies) == "waiting 0, in flight 0, delayed 0");
}

TEST_CASE("the queue of a message with an exchange is found in the bindings of the exchange", "[layouts]") {
  const auto replies = Both(Hash("p:unacked", {{"a", Unacked("ex1", "rk.1")}, {"b", Unacked("topics", "news.eu")}}),
                            {{"SRANDMEMBER p:_kombu.binding.ex1 1001", Texts({"rk.1\x06\x16\x06\x16q",
                                                                              "rk.2\x06\x16\x06\x16"
                                                                              "other"})},
                             {"SRANDMEMBER p:_kombu.binding.topics 1001", Texts({"news.#\x06\x16^news\\..*?$\x06\x16"
                                                                                 "news"})}});
  const Celery celery({.global_keyprefix = "p:"});
  CHECK(ShowAll(celery, "q", replies) == "waiting 0, in flight 1, delayed 0");
  CHECK(ShowAll(celery, "other", replies) == "waiting 0, in flight 0, delayed 0");
  CHECK(ShowAll(celery, "news", replies) == "waiting 0, in flight 1, delayed 0");
}

TEST_CASE("a message of an exchange whose bindings are forgotten counts for every queue", "[layouts]") {
  CHECK(ShowAll(Celery(), "q", Hash("unacked", {{"a", Unacked("ex", "rk")}})) == "waiting 0, in flight 1, delayed 0");
}

TEST_CASE("a message that is not understood counts for every queue", "[layouts]") {
  const auto replies = Hash("unacked", {{"a", "no JSON"},
                                        {"b", R"({"body":1})"},
                                        {"c", Unacked("", "other")},
                                        {"d", R"(["", "other"])"},
                                        {"e", R"([{}, null, "other"])"}});
  CHECK(ShowAll(Celery(), "q", replies) == "waiting 0, in flight 4, delayed 0");
}

TEST_CASE("a message that came while others were looked for counts for its own queue only", "[layouts]") {
  Answers redis(Hash("unacked", {{"a", Unacked("", "other")}, {"b", Unacked("", "q")}}));
  redis.ChangeIn(4, "HLEN unacked", Number(4));
  redis.ChangeIn(4, "HVALS unacked",
                 Texts({Unacked("", "other"), Unacked("", "q"), Unacked("", "other"), Unacked("", "q")}));
  CHECK(redis.Read(Celery(), "q", kNotAge).in_flight == 2);
  CHECK(redis.Read(Celery(), "idle", kNotAge).in_flight == 0);
}

TEST_CASE("Celery's messages are counted together with the lists, after they were found", "[layouts]") {
  Answers redis(Hash("unacked", {{"a", Unacked("", "q")}}));
  redis.ChangeIn(4, "LLEN q", Number(1));  // Its worker gave it back.
  redis.ChangeIn(4, "HVALS unacked", Array({}));
  CHECK(Show(kNotAge, redis.Read(Celery({.priority_steps = {0}}), "q", kNotAge)) ==
        "waiting 1, in flight 0, delayed 0");
  CHECK(redis.rounds() ==
        std::vector<std::vector<std::string>>{
            {"HLEN unacked", "LLEN q"}, {"HKEYS unacked"}, {"HSTRLEN unacked a"}, {"HVALS unacked", "LLEN q"}});

  Answers emptied(Hash("unacked", {{"a", Unacked("", "q")}}));
  emptied.ChangeIn(2, "HKEYS unacked", Array({}));
  emptied.ChangeIn(3, "HVALS unacked", Array({}));
  CHECK(emptied.Read(Celery(), "q", kNotAge).in_flight == 0);
}

TEST_CASE("too many messages are an error", "[layouts]") {
  std::map<std::string, Reply> many{{"HLEN unacked", Number(5001)}};
  CHECK_THROWS_WITH(ShowAll(Celery(), "q", many), R"(more than 5000 messages are in "unacked")");
  auto large = Hash("unacked", {{"a", "x"}, {"b", "x"}});
  large["HSTRLEN unacked b"] = Number(8 << 20);
  CHECK_THROWS_WITH(ShowAll(Celery(), "q", large), R"(more than 8388608 bytes of messages are in "unacked")");
  auto bound = Hash("unacked", {{"a", Unacked("ex", "rk")}});
  bound["SRANDMEMBER _kombu.binding.ex 1001"] = Texts(std::vector<std::string>(1001, "x"));
  CHECK_THROWS_WITH(ShowAll(Celery(), "q", bound), "more than 1000 queues are bound to the exchange ex");
}

std::string Delayed(std::int64_t eta_seconds) {
  return R"({"queue_name":"q.DQ","options":{"eta":)" + std::to_string(eta_seconds * 1000) +
         R"(},"message_timestamp":1})";
}

TEST_CASE("Dramatiq has waiting messages in two keys, and delayed ones in another that tells when they are due",
          "[layouts]") {
  const std::map<std::string, Reply> undelayed{
      {"LLEN dramatiq:q", Number(3)},
      {"HLEN dramatiq:q.msgs", Number(5)},
      {"LRANGE dramatiq:q 0 19", Texts({"a", "b"})},
      {"HGET dramatiq:q.msgs a", Text(R"({"message_timestamp":1799999970000})")},
      {"HGET dramatiq:q.msgs b", Text(R"({"message_timestamp":1799999980000})")}};
  CHECK(ShowAll(Dramatiq(), "q", undelayed) == "waiting 3, in flight 2, delayed 0, oldest 30");
  auto put_back = undelayed;
  put_back["LRANGE dramatiq:q -20 -1"] = Texts({"a", "b", "c"});
  put_back["HGET dramatiq:q.msgs c"] = Text(R"({"message_timestamp":1799999900000})");
  CHECK(ShowAll(Dramatiq(), "q", put_back) == "waiting 3, in flight 2, delayed 0, oldest 100");
  auto retried = undelayed;
  retried["HGET dramatiq:q.msgs a"] =
      Text(R"({"message_timestamp":1799999970000,"options":{"requeue_timestamp":1799999995000}})");
  CHECK(ShowAll(Dramatiq(), "q", retried) == "waiting 3, in flight 2, delayed 0, oldest 20");
  const auto delayed = Hash("dramatiq:q.DQ.msgs", {{"x", Delayed(kNowSeconds - 1)}, {"y", Delayed(kNowSeconds + 60)}});
  CHECK(ShowAll(Dramatiq(), "q", Both(undelayed, delayed)) == "waiting 4, in flight 2, delayed 1, oldest 30");
  const auto due_only =
      Hash("dramatiq:q.DQ.msgs", {{"x", Delayed(kNowSeconds - 7)}, {"y", Delayed(kNowSeconds - 300)}});
  CHECK(ShowAll(Dramatiq(), "q", due_only) == "waiting 2, in flight 0, delayed 0, oldest 300");
  CHECK(Answers(due_only).Read(Dramatiq(), "q", {.oldest_age = true}).oldest_age == std::chrono::seconds(300));
  CHECK(ShowAll(Dramatiq({.prefix = "{app}"}), "q", {{"HLEN {app}:q.msgs", Number(2)}}) ==
        "waiting 0, in flight 2, delayed 0, oldest 0");
}

TEST_CASE("a message of Dramatiq that was put back twice does not make what is in flight negative", "[layouts]") {
  CHECK(ShowAll(Dramatiq(), "q", {{"LLEN dramatiq:q", Number(3)}, {"HLEN dramatiq:q.msgs", Number(2)}}) ==
        "waiting 3, in flight 0, delayed 0, oldest 0");
}

}  // namespace
}  // namespace test
