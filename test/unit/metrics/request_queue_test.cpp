#include "metrics/redis/request_queue.h"

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "test/support/catch.h"

namespace metrics::redis {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 1000ms;
const RequestQueue::Clock::time_point kStart{1h};

Reply Integer(std::int64_t value) { return {.type = Reply::Type::kInteger, .integer = value}; }

/// A queue whose requests have names, and which plays the part of the connection: tells what is settled.
class TestQueue {
 public:
  RequestQueue queue{"Redis", kPatience};

  RequestQueue::Request Make(const std::string& name, RequestQueue::Clock::duration time = 500ms, int commands = 1) {
    Batch batch;
    for (int i = 0; i < commands; ++i) batch.Add({"LLEN", name});
    return {std::move(batch), kStart, kStart + time,
            [this, name](Result result) { outcomes_.emplace_back(name, std::move(result)); }};
  }

  void Dispatch(const std::string& name, RequestQueue::Clock::duration time = 500ms, int commands = 1) {
    queue.Dispatch(Make(name, time, commands), kStart);
  }

  /// Does something to the queue and returns what came of it, as "a=1,2 b: the error".
  template <typename Action>
  std::string After(Action action) {
    std::vector<RequestQueue::Settled> settled;
    action(settled);
    std::string text;
    for (auto& [callback, result, started] : settled) callback(std::move(result));
    for (const auto& [name, result] : std::exchange(outcomes_, {})) {
      text += text.empty() ? name : " " + name;
      if (const auto* error = std::get_if<Failure>(&result)) {
        text += ": " + error->text;
        continue;
      }
      char separator = '=';
      for (const Reply& reply : std::get<std::vector<Reply>>(result)) {
        text += std::exchange(separator, ',') + std::to_string(reply.integer);
      }
    }
    return text;
  }

  std::string Take(std::int64_t value, RequestQueue::Clock::duration at = 0ms) {
    return After([&](auto& settled) { queue.Take(Integer(value), kStart + at, settled); });
  }
  std::string Expire(RequestQueue::Clock::duration at) {
    return After([&](auto& settled) { queue.Expire(kStart + at, settled); });
  }
  std::string Lose(UnavailableKind kind = UnavailableKind::kConnection) {
    return After([&](auto& settled) { queue.Lose({kind, "lost"}, settled); });
  }
  std::string FailWaiting() {
    return After([&](auto& settled) { queue.FailWaiting({UnavailableKind::kConnection, "refused"}, settled); });
  }

 private:
  std::vector<std::pair<std::string, Result>> outcomes_;
};

TEST_CASE("replies belong to the requests in the order they were sent", "[redis]") {
  TestQueue t;
  t.Dispatch("a", 500ms, 2);
  t.Dispatch("b");
  CHECK(t.Take(1).empty());
  CHECK(t.Take(2) == "a=1,2");
  CHECK(t.Take(3) == "b=3");
}

TEST_CASE("a reply that nobody asked for is an error", "[redis]") {
  TestQueue t;
  CHECK_THROWS_AS(t.Take(1), ProtocolError);
  t.Dispatch("a");
  CHECK(t.Take(1) == "a=1");
  CHECK_THROWS_AS(t.Take(1), ProtocolError);
}

TEST_CASE("what waits is sent in its order once there is a connection", "[redis]") {
  TestQueue t;
  const auto a = t.Make("a");
  const auto b = t.Make("b");
  t.queue.Wait(a);
  t.queue.Wait(b);
  CHECK(t.queue.DispatchWaiting(kStart) == a.batch.bytes() + b.batch.bytes());
  CHECK(t.queue.DispatchWaiting(kStart).empty());
  CHECK(t.Take(1) == "a=1");
  CHECK(t.Take(2) == "b=2");
}

TEST_CASE("a request past its deadline is settled, and its late answer goes to nobody else", "[redis]") {
  TestQueue t;
  t.Dispatch("a", 100ms);
  t.Dispatch("b", 200ms);
  CHECK(t.Expire(99ms).empty());
  CHECK(t.Expire(100ms) == "a: Redis did not answer within 100 ms");
  CHECK(t.Expire(101ms).empty());
  CHECK(t.Take(1).empty());
  CHECK(t.Take(2) == "b=2");
}

TEST_CASE("a request that waited for a connection in vain says so", "[redis]") {
  TestQueue t;
  t.queue.Wait(t.Make("a", 100ms));
  t.queue.Wait(t.Make("b", 200ms));
  CHECK(t.Expire(150ms) == "a: Redis could not be connected within 100 ms");
  CHECK(t.queue.DispatchWaiting(kStart) == t.Make("b").batch.bytes());
}

TEST_CASE("what a lost connection owed is sent once more, and only once", "[redis]") {
  TestQueue t;
  t.Dispatch("a", 500ms, 2);
  t.Dispatch("b");
  CHECK(t.Take(1).empty());  // Half an answer is none.
  CHECK(t.Lose().empty());
  CHECK(t.queue.DispatchWaiting(kStart) == t.Make("a", 500ms, 2).batch.bytes() + t.Make("b").batch.bytes());
  CHECK(t.Take(3).empty());
  CHECK(t.Take(4) == "a=3,4");
  CHECK(t.Lose() == "b: lost");
}

TEST_CASE("what has expired is not sent again", "[redis]") {
  TestQueue t;
  t.Dispatch("a", 100ms);
  t.Dispatch("b");
  CHECK(t.Expire(100ms) == "a: Redis did not answer within 100 ms");
  CHECK(t.Lose().empty());
  CHECK(t.queue.DispatchWaiting(kStart) == t.Make("b").batch.bytes());
}

TEST_CASE("an unreadable answer settles the request it answered, and only that", "[redis]") {
  TestQueue t;
  t.Dispatch("a");
  t.Dispatch("b");
  CHECK(t.Lose(UnavailableKind::kProtocol) == "a: lost");
  CHECK(t.queue.DispatchWaiting(kStart) == t.Make("b").batch.bytes());
}

TEST_CASE("an answer that is too large settles its request, and does not count against others", "[redis]") {
  TestQueue t;
  for (const std::string name : {"a", "b", "c", "d"}) t.Dispatch(name);
  const auto dispatch = [&] { t.queue.DispatchWaiting(kStart); };
  CHECK(t.Lose(UnavailableKind::kTooLarge) == "a: lost");
  dispatch();
  CHECK(t.Lose(UnavailableKind::kTooLarge) == "b: lost");
  dispatch();
  CHECK(t.Lose().empty());
  dispatch();
  CHECK(t.Lose(UnavailableKind::kTooLarge) == "c: lost");
  dispatch();
  CHECK(t.Lose() == "d: lost");  // That was its second connection lost.
}

TEST_CASE("a failed attempt to connect fails those who wait, repeated or not", "[redis]") {
  TestQueue t;
  t.Dispatch("a");
  CHECK(t.Lose().empty());
  t.queue.Wait(t.Make("b"));
  CHECK(t.FailWaiting() == "a: refused b: refused");
  CHECK(t.FailWaiting().empty());
}

TEST_CASE("at the end everybody gets an error", "[redis]") {
  TestQueue t;
  t.Dispatch("a");
  t.queue.Wait(t.Make("b"));
  CHECK(t.After([&](auto& settled) {
    t.queue.FailAll({UnavailableKind::kConnection, "over"}, settled);
  }) == "b: over a: over");
}

TEST_CASE("Redis stalls when it owes an answer and is silent", "[redis]") {
  TestQueue t;
  CHECK_FALSE(t.queue.IsStalled(kStart + 1h));
  t.Dispatch("a", 10s);
  t.Dispatch("b", 10s);
  CHECK_FALSE(t.queue.IsStalled(kStart + 999ms));
  CHECK(t.queue.IsStalled(kStart + 1000ms));
  CHECK(t.Take(1, 900ms) == "a=1");  // Slow, but alive.
  CHECK_FALSE(t.queue.IsStalled(kStart + 1899ms));
  CHECK(t.queue.IsStalled(kStart + 1900ms));
  CHECK(t.Take(2, 1950ms) == "b=2");
  CHECK_FALSE(t.queue.IsStalled(kStart + 1h));
}

TEST_CASE("what Redis owes has a limit, and late requests count for little", "[redis]") {
  TestQueue t;
  const std::string name(10'000, 'q');
  const auto is_full = [&] { return !t.queue.HasRoomFor(t.Make(name).batch, 0); };
  const auto fill = [&](int most) {
    int count = 0;
    for (; count < most && !is_full(); ++count) t.Dispatch(name);
    return count;
  };
  CHECK(t.queue.HasRoomFor(t.Make(name, 500ms, 1000).batch, 0));  // Alone, anything.
  const int most = fill(10'000);
  CHECK(most > 300);
  CHECK(most < 420);  // Of ten thousand bytes and a little, in four million.

  SECTION("late answers are owed still, but nothing is kept for them") {
    CHECK_FALSE(t.Expire(500ms).empty());
    CHECK(fill(most / 2) == most / 2);
    for (int i = 0; i < most; ++i) CHECK(t.Take(i).empty());
    CHECK_FALSE(t.Take(1).empty());
  }
  SECTION("answered, it is gone") {
    for (int i = 0; i < most; ++i) t.Take(i);
    CHECK(fill(10'000) == most);
  }
  SECTION("what waits for the next connection counts, too") {
    CHECK(t.Lose().empty());
    CHECK(is_full());
    t.FailWaiting();
    CHECK(fill(10'000) == most);
  }
  SECTION("sent again, it counts once") {
    CHECK(t.Lose().empty());
    t.queue.DispatchWaiting(kStart);
    CHECK(is_full());
    CHECK_FALSE(t.Lose().empty());
    CHECK(fill(10'000) == most);
  }
  SECTION("what its owner keeps is added") {
    t.Take(1);
    CHECK_FALSE(is_full());
    CHECK_FALSE(t.queue.HasRoomFor(t.Make("q").batch, 20'000));
  }
}

TEST_CASE("the next event is the first deadline, or the end of patience", "[redis]") {
  TestQueue t;
  CHECK(t.queue.NextEvent() == RequestQueue::Clock::time_point::max());
  t.queue.Wait(t.Make("a", 3000ms));
  CHECK(t.queue.NextEvent() == kStart + 3000ms);
  t.Dispatch("b", 2000ms);
  CHECK(t.queue.NextEvent() == kStart + kPatience);
  t.Dispatch("c", 100ms);
  CHECK(t.queue.NextEvent() == kStart + 100ms);
  CHECK(t.Expire(100ms) == "c: Redis did not answer within 100 ms");
  CHECK(t.queue.NextEvent() == kStart + kPatience);
}

}  // namespace
}  // namespace metrics::redis
