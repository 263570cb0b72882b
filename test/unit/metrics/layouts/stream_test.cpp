#include "metrics/layouts/stream.h"

#include <string>

#include "metrics/layouts/taskiq.h"
#include "metrics/metric_provider.h"
#include "test/support/answers.h"
#include "test/support/catch.h"

namespace test {
namespace {

using metrics::layouts::Stream;

/// One entry, whose id is so many seconds before now.
Reply Entry(std::int64_t seconds_ago, std::int64_t sequence = 0) {
  return Array({Text(std::to_string((kNowSeconds - seconds_ago) * 1000) + "-" + std::to_string(sequence)),
                Texts({"field", "value"})});
}

std::string Id(std::int64_t seconds_ago, std::int64_t sequence = 0) {
  return Entry(seconds_ago, sequence).elements[0].text;
}

struct StreamFacts {
  std::int64_t length;
  std::int64_t added;  // -1: as before Redis 7.0
  std::int64_t first_seconds_ago;
  std::int64_t last_seconds_ago;
};

Reply Info(const StreamFacts& facts) {
  std::vector<Reply> fields{Text("length"), Number(facts.length), Text("last-generated-id"),
                            Text(Id(facts.last_seconds_ago))};
  if (facts.added >= 0) {
    fields.push_back(Text("entries-added"));
    fields.push_back(Number(facts.added));
  }
  fields.push_back(Text("first-entry"));
  fields.push_back(facts.length == 0 ? Nil() : Entry(facts.first_seconds_ago));
  return Array(std::move(fields));
}

struct GroupFacts {
  std::string name;
  std::int64_t pending;
  std::string last_delivered;
  std::optional<std::int64_t> lag;
  std::optional<std::int64_t> entries_read{};
};

Reply Group(const GroupFacts& facts) {
  return Array({Text("name"), Text(facts.name), Text("consumers"), Number(1), Text("pending"), Number(facts.pending),
                Text("last-delivered-id"), Text(facts.last_delivered), Text("entries-read"),
                facts.entries_read ? Number(*facts.entries_read) : Nil(), Text("lag"),
                facts.lag ? Number(*facts.lag) : Nil()});
}

std::map<std::string, Reply> Redis(const StreamFacts& stream, const std::vector<GroupFacts>& groups) {
  std::vector<Reply> replies;
  for (const GroupFacts& group : groups) replies.push_back(Group(group));
  return {{"XINFO STREAM q", Info(stream)}, {"XINFO GROUPS q", Array(std::move(replies))}};
}

Reply Entries(std::size_t count, std::int64_t seconds_ago) {
  std::vector<Reply> entries;
  for (std::size_t i = 0; i < count; ++i) entries.push_back(Entry(seconds_ago, static_cast<std::int64_t>(i)));
  return Array(std::move(entries));
}

std::string After(const std::string& seconds_ago_id, int count) {
  return "XRANGE q " + seconds_ago_id + " + COUNT " + std::to_string(count);
}

TEST_CASE("a stream without groups is as long as it is, and as old as its first entry", "[layouts]") {
  CHECK(ShowAll(Stream(), "q", {{"XLEN q", Number(4)}, {"XRANGE q - + COUNT 1", Array({Entry(60)})}}) ==
        "waiting 4, oldest 60");
  CHECK(ShowAll(Stream(), "q", {}) == "waiting 0, oldest 0");
}

TEST_CASE("the lag of a group is believed only where nothing can have been deleted", "[layouts]") {
  struct Case {
    std::string description;
    StreamFacts stream;
    GroupFacts group;
    std::map<std::string, Reply> ranges;
    std::string counts;
  };
  const auto example = GENERATE(values<Case>({
      {"nothing was deleted",
       {8, 8, 100, 10},
       {"g", 2, Id(50), 3},
       {{After(Id(50, 1), 1), Array({Entry(40)})}},
       "waiting 3, in flight 2, oldest 40"},
      {"everything was delivered", {8, 8, 100, 10}, {"g", 2, Id(10), 0}, {}, "waiting 0, in flight 2, oldest 0"},
      {"everything was delivered, and the lag is wrong",
       {8, 9, 100, 10},
       {"g", 2, Id(10), 5},
       {},
       "waiting 0, in flight 2, oldest 0"},
      {"nothing was delivered", {8, 8, 100, 10}, {"g", 0, "0-0", 8}, {}, "waiting 8, in flight 0, oldest 100"},
      {"trimmed beyond the group, so that the lag counts what is gone",
       {3, 10, 30, 10},
       {"g", 2, Id(90), 8},
       {},
       "waiting 3, in flight 2, oldest 30"},
      {"an undelivered entry was deleted, so that there is no lag",
       {7, 8, 100, 10},
       {"g", 0, Id(50), {}},
       {{After(Id(50, 1), 100), Entries(2, 40)}},
       "waiting 2, in flight 0, oldest 40"},
      {"an entry was deleted, and the lag is too small",
       {7, 8, 100, 10},
       {"g", 0, Id(50), 1},
       {{After(Id(50, 1), 100), Entries(4, 40)}},
       "waiting 4, in flight 0, oldest 40"},
      {"before Redis 7.0 there is no lag",
       {8, -1, 100, 10},
       {"g", 1, Id(50), {}},
       {{After(Id(50, 1), 100), Entries(3, 40)}},
       "waiting 3, in flight 1, oldest 40"},
      {"a false ENTRIESREAD, so that the lag is none",
       {8, 8, 100, 10},
       {"g", 0, Id(50), -92},
       {{After(Id(50, 1), 100), Entries(3, 40)}},
       "waiting 3, in flight 0, oldest 40"},
      {"emptied stream", {0, 8, 0, 10}, {"g", 1, Id(50), {}}, {}, "waiting 0, in flight 1, oldest 0"},
      {"a group that does not exist has read nothing",
       {8, 8, 100, 10},
       {"another", 5, Id(10), 0},
       {},
       "waiting 8, in flight 0, oldest 100"},
      {"the largest sequence number",
       {8, -1, 100, 10},
       {"g", 0, "5-18446744073709551615", {}},
       {},
       "waiting 8, in flight 0, oldest 100"},
  }));
  INFO(example.description);
  auto replies = Redis(example.stream, {example.group});
  replies.insert(example.ranges.begin(), example.ranges.end());
  CHECK(ShowAll(Stream({.groups = {"g"}}), "q", replies) == example.counts);
}

TEST_CASE("entries are counted page by page, and beyond a thousand the answer is not less than what waits",
          "[layouts]") {
  struct Case {
    std::optional<std::int64_t> lag;
    std::optional<std::int64_t> entries_read;
    std::size_t pages;
    std::int64_t waiting;
  };
  const auto example = GENERATE(values<Case>({
      {{}, {}, 3, 299},
      {{}, 58'000, 3, 299},
      {{}, {}, 10, 999},
      {{}, {}, 11, 50'000},
      {{}, 58'000, 11, 2000},
      {{}, 1000, 11, 50'000},
      {{}, 59'999, 11, 1000},
      {1234, {}, 11, 1234},
      {7, {}, 11, 1000},
      {60'000, {}, 11, 50'000},
  }));
  auto replies = Redis({50'000, 60'000, 5000, 10}, {{"g", 0, Id(4001), example.lag, example.entries_read}});
  std::string begin = Id(4001, 1);
  for (std::size_t page = 1; page <= example.pages; ++page) {
    const auto seconds_ago = static_cast<std::int64_t>(4001 - page);
    replies[After(begin, 100)] = Entries(page == example.pages ? 99 : 100, seconds_ago);
    begin = Id(seconds_ago, 100);
  }
  Answers redis(replies);
  CHECK(redis.Read(Stream({.groups = {"g"}}), "q", {.waiting = true}).waiting == example.waiting);
  CHECK(redis.rounds().size() == 1 + std::min<std::size_t>(example.pages, 10));
}

TEST_CASE("large entries are read fewer at a time, as many as a page may have bytes", "[layouts]") {
  const auto entry = [](std::int64_t seconds_ago, std::size_t size) {
    return Array({Text(Id(seconds_ago)), Texts({"field", std::string(size, 'x')})});
  };
  constexpr std::size_t kLarge = 300'000;
  auto replies = Redis({50, 60, 100, 10}, {{"g", 0, Id(80), {}}});
  replies["XINFO STREAM q"].elements.push_back(Text("last-entry"));
  replies["XINFO STREAM q"].elements.push_back(entry(10, kLarge));
  replies[After(Id(80, 1), 3)] = Array({entry(70, 1), entry(69, 1), entry(68, 2 * kLarge)});
  replies[After(Id(68, 1), 1)] = Array({entry(60, 1)});
  Answers redis(replies);
  CHECK(redis.Read(Stream({.groups = {"g"}}), "q", {.waiting = true}).waiting == 4);
  CHECK(redis.rounds().size() == 4);
}

TEST_CASE("what several groups have to do adds up", "[layouts]") {
  auto replies = Redis({8, 9, 100, 10}, {{"a", 1, Id(50), {}}, {"b", 2, Id(20), {}}, {"c", 4, "0-0", {}}});
  replies[After(Id(50, 1), 100)] = Entries(3, 40);
  replies[After(Id(20, 1), 100)] = Entries(1, 15);
  CHECK(ShowAll(Stream({.groups = {"a", "b"}}), "q", replies) == "waiting 4, in flight 3, oldest 40");
  CHECK(ShowAll(Stream({.groups = {"a", "b", "new"}}), "q", replies) == "waiting 12, in flight 3, oldest 100");
}

TEST_CASE("entries are not read for the sake of what is in flight", "[layouts]") {
  Answers redis(Redis({7, 8, 100, 10}, {{"g", 5, Id(50), {}}}));
  CHECK(redis.Read(Stream({.groups = {"g"}}), "q", {.in_flight = true}).in_flight == 5);
  CHECK(redis.rounds().size() == 1);
}

TEST_CASE("a stream's groups tell which of their consumers have entries pending, if they are asked", "[layouts]") {
  const Stream layout({.groups = {"a", "b", "new"}});
  CHECK(layout.Offers().holders);
  CHECK_FALSE(Stream().Offers().holders);
  auto replies = Redis({8, 8, 100, 10}, {{"a", 3, Id(50), 3}, {"b", 0, Id(50), 3}});
  const auto consumer = [](const std::string& name) { return Texts({name, "2"}); };
  replies["XPENDING q a"] =
      Array({Number(3), Text(Id(90)), Text(Id(50)), Array({consumer("pod-1"), consumer("pod-2")})});
  replies["XPENDING q b"] = Array({Number(0), Nil(), Nil(), Nil()});
  Answers redis(replies);
  const auto counts = redis.Read(layout, "q", {.in_flight = true, .holders = true});
  CHECK(counts.holders == std::vector<std::string>{"pod-1", "pod-2"});
  CHECK(counts.in_flight == 3);
  CHECK(redis.rounds().size() == 1);
  CHECK(ShowAll(layout, "q", replies) == "waiting 14, in flight 3, oldest 100");
  CHECK(Answers({}).Read(layout, "q", {.in_flight = true, .holders = true}).holders.empty());
  const auto reply = GENERATE(Error("LOADING Redis is loading"), Nil(), Array({Number(1)}),
                              Array({Number(1), Nil(), Nil(), Texts({"not a pair"})}));
  replies["XPENDING q a"] = reply;
  CHECK_THROWS_AS(Answers(replies).Read(layout, "q", {.in_flight = true, .holders = true}),
                  metrics::MetricUnavailableError);
}

TEST_CASE("a stream that does not exist is empty, another key is an error", "[layouts]") {
  CHECK(ShowAll(Stream({.groups = {"g"}}), "q", {}) == "waiting 0, in flight 0, oldest 0");
  CHECK(ShowAll(metrics::layouts::TaskiqStream(), "q", Redis({8, 8, 100, 10}, {{"taskiq", 2, Id(10), 0}})) ==
        "waiting 0, in flight 2, oldest 0");
  const Reply wrong = Error("WRONGTYPE Operation against a key holding the wrong kind of value");
  const auto read = [&](const Reply& reply) {
    ShowAll(Stream({.groups = {"g"}}), "q", {{"XINFO STREAM q", reply}, {"XINFO GROUPS q", reply}});
  };
  CHECK_THROWS_AS(read(wrong), metrics::MetricUnavailableError);
  CHECK_THROWS_AS(read(Array({})), metrics::MetricUnavailableError);
  CHECK_THROWS_AS(read(Nil()), metrics::MetricUnavailableError);
}

}  // namespace
}  // namespace test
