#include "server/auth/review_cache.h"

#include <atomic>
#include <thread>
#include <vector>

#include "server/auth/waiting_room.h"
#include "test/support/catch.h"
#include "test/support/eventually.h"

namespace server::auth {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

struct Answer {
  int value;
  bool lasting = true;
  bool Lasting() const { return lasting; }
};

/// A time that only a test moves.
struct Time {
  std::atomic<steady_clock::rep> now = 0;
  SteadyClock Clock() {
    return [this] { return steady_clock::time_point(steady_clock::duration(now)); };
  }
  void Pass(steady_clock::duration duration) { now += duration.count(); }
};

http::KeyedHash::Digest Key(int number) {
  http::KeyedHash::Digest key{};
  std::memcpy(key.data(), &number, sizeof(number));
  return key;
}

TEST_CASE("an answer is asked for once in ten seconds") {
  Time time;
  WaitingRoom room({});
  ReviewCache<Answer> cache(room, time.Clock());
  int asked = 0;
  const auto get = [&](int key) { return cache.Get(Key(key), true, [&] { return Answer{++asked}; })->value; };
  CHECK(get(1) == 1);
  time.Pass(seconds(9));
  CHECK(get(1) == 1);
  CHECK(get(2) == 2);
  time.Pass(seconds(1));
  CHECK(get(1) == 3);
  CHECK(get(2) == 2);
}

TEST_CASE("what is no answer is not kept") {
  Time time;
  WaitingRoom room({});
  ReviewCache<Answer> cache(room, time.Clock());
  int asked = 0;
  for (int i = 1; i <= 3; ++i) {
    CHECK(cache.Get(Key(1), true, [&] { return Answer{++asked, false}; })->value == i);
  }
}

TEST_CASE("the answer that was not used for longest gives way") {
  Time time;
  WaitingRoom room({});
  using Cache = ReviewCache<Answer>;
  Cache cache(room, time.Clock());
  const int entries = static_cast<int>(Cache::kEntries);
  int asked = 0;
  const auto get = [&](int key) { return cache.Get(Key(key), true, [&] { return Answer{++asked}; })->value; };
  for (int key = 0; key < entries; ++key) {
    get(key);
  }
  get(0);
  get(entries);  // Instead of 1.
  asked = 0;
  get(0);
  get(2);
  CHECK(asked == 0);
  get(1);
  CHECK(asked == 1);
}

TEST_CASE("equal questions at the same time are asked once, others are not kept waiting") {
  Time time;
  WaitingRoom room({});
  ReviewCache<Answer> cache(room, time.Clock());
  std::atomic<int> asked = 0;
  std::atomic<bool> answer = false;
  std::atomic<int> right = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      const auto got = cache.Get(Key(1), true, [&] {
        ++asked;
        test::Eventually([&] { return answer.load(); });
        return Answer{7, true};  // For those that come late.
      });
      right += got && got->value == 7 ? 1 : 0;
    });
  }
  REQUIRE(test::Eventually([&] { return asked == 1; }));
  CHECK(cache.Get(Key(2), true, [] { return Answer{8}; })->value == 8);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  answer = true;
  threads.clear();
  CHECK(right == 6);
  CHECK(asked == 1);
}

TEST_CASE("strangers can take no more than their seats, and nobody more than there are") {
  WaitingRoom room({.seats = 3, .seats_for_strangers = 2});
  auto stranger = room.Enter(true);
  auto other_stranger = room.Enter(true);
  CHECK(stranger);
  CHECK(other_stranger);
  CHECK_FALSE(room.Enter(true));
  auto known = room.Enter(false);
  CHECK(known);
  CHECK_FALSE(room.Enter(false));
  stranger.reset();
  CHECK(room.Enter(true));
  CHECK(room.Enter(false));
}

TEST_CASE("without a seat only what is known is answered") {
  Time time;
  WaitingRoom room({.seats = 1, .seats_for_strangers = 1});
  ReviewCache<Answer> cache(room, time.Clock());
  cache.Get(Key(1), true, [] { return Answer{1}; });
  cache.Get(Key(2), true, [&] {
    CHECK(cache.Get(Key(1), true, [] { return Answer{0}; })->value == 1);
    CHECK_FALSE(cache.Get(Key(3), true, [] { return Answer{3}; }));
    return Answer{2};
  });
  CHECK(cache.Get(Key(3), true, [] { return Answer{3}; })->value == 3);
}

}  // namespace
}  // namespace server::auth
