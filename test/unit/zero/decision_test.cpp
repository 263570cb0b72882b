#include "server/zero/decision.h"

#include <random>
#include <utility>

#include "test/support/catch.h"

namespace server::zero {
namespace {

using std::chrono::seconds;

/// Everything allowed; one queue, one pod per job, one to ten pods.
ManagedHpa SomeHpa() {
  ManagedHpa hpa;
  hpa.max_replicas = 10;
  hpa.first_step = 10;
  hpa.queues = {{"redis_queue_length", metrics::LabelSelector::Parse("queue=jobs"), 1000}};
  hpa.settings.wake = true;
  hpa.settings.sleep = true;
  hpa.settings.mend = true;
  hpa.settings.cool_down = seconds(60);
  return hpa;
}

ManagedHpa With(void (*change)(ManagedHpa&)) {
  ManagedHpa hpa = SomeHpa();
  change(hpa);
  return hpa;
}

constexpr TimePoint kStart{seconds(1000)};

/// A minute and more in which every reading said that there is no work.
Memory Rested() { return {.idle_since = kStart - seconds(61), .last_reading = kStart - seconds(1)}; }

struct Case {
  std::string what;
  ManagedHpa hpa;
  std::optional<std::int64_t> length;
  std::optional<std::int32_t> replicas;
  Action action;
  std::int32_t to = 0;
};

TEST_CASE("what is done follows from the target's size, the queue, and what the owner allows") {
  const std::optional<std::int64_t> doubt;
  const std::vector<Case> cases{
      {"jobs, and nobody there", SomeHpa(), 3, 0, Action::kWake, 3},
      {"more jobs than pods are allowed", SomeHpa(), 300, 0, Action::kWake, 10},
      {"no jobs, and nobody there", SomeHpa(), 0, 0, Action::kNothing},
      {"a queue that cannot be read wakes nobody", SomeHpa(), doubt, 0, Action::kNothing},
      {"a queue that cannot be read puts nobody to sleep", SomeHpa(), doubt, 1, Action::kNothing},
      {"an unknown size is not changed, jobs or not", SomeHpa(), 3, {}, Action::kNothing},
      {"an unknown size is not changed, with an empty queue", SomeHpa(), 0, {}, Action::kNothing},
      {"waking was not asked for", With([](ManagedHpa& hpa) { hpa.settings.wake = false; }), 3, 0, Action::kNothing},
      {"at the activation threshold", With([](ManagedHpa& hpa) { hpa.settings.activation_threshold = 3; }), 3, 0,
       Action::kNothing},
      {"above the activation threshold", With([](ManagedHpa& hpa) { hpa.settings.activation_threshold = 3; }), 4, 0,
       Action::kWake, 4},
      {"the behaviour forbids scaling up", With([](ManagedHpa& hpa) { hpa.first_step.reset(); }), 3, 0,
       Action::kNothing},
      {"the HPA owns the zero, and we are faster", With([](ManagedHpa& hpa) {
         hpa.min_replicas = 0;
         hpa.owns_zero = true;
       }),
       3, 0, Action::kWake, 3},
      {"sizes above zero are the HPA's", SomeHpa(), 300, 1, Action::kNothing},
      {"no work for the whole cool-down", SomeHpa(), 0, 1, Action::kSleep},
      {"one job is work", SomeHpa(), 1, 1, Action::kNothing},
      {"the HPA has not come down yet", SomeHpa(), 0, 2, Action::kNothing},
      {"the HPA cannot scale", With([](ManagedHpa& hpa) { hpa.is_stuck = true; }), 0, 1, Action::kNothing},
      {"the HPA cannot scale, and nobody is there", With([](ManagedHpa& hpa) { hpa.is_stuck = true; }), 3, 0,
       Action::kWake, 3},
      {"several pods at least", With([](ManagedHpa& hpa) { hpa.min_replicas = 3; }), 0, 3, Action::kSleep},
      {"sleeping was not asked for", With([](ManagedHpa& hpa) { hpa.settings.sleep = false; }), 0, 1, Action::kNothing},
      {"the HPA goes to zero by itself", With([](ManagedHpa& hpa) { hpa.min_replicas = 0; }), 0, 1, Action::kNothing},
      {"the HPA would undo a sleep", With([](ManagedHpa& hpa) { hpa.owns_zero = true; }), 0, 1, Action::kDisown},
      {"a zero that is not the HPA's", With([](ManagedHpa& hpa) { hpa.min_replicas = 0; }), 0, 0, Action::kMend},
      {"a zero that is not the HPA's, with a queue that cannot be read",
       With([](ManagedHpa& hpa) { hpa.min_replicas = 0; }), doubt, 0, Action::kMend},
      {"mending was not asked for", With([](ManagedHpa& hpa) {
         hpa.min_replicas = 0;
         hpa.settings.mend = false;
       }),
       0, 0, Action::kNothing},
      {"paused, with jobs", With([](ManagedHpa& hpa) { hpa.settings.paused = true; }), 3, 0, Action::kNothing},
      {"paused, without", With([](ManagedHpa& hpa) { hpa.settings.paused = true; }), 0, 1, Action::kNothing},
      {"paused, whatever it is paused at", With([](ManagedHpa& hpa) {
         hpa.settings.paused = true;
         hpa.settings.paused_at = 0;
       }),
       3, 2, Action::kNothing},
      {"paused at 0", With([](ManagedHpa& hpa) { hpa.settings.paused_at = 0; }), 3, 2, Action::kPause, 0},
      {"paused at 0, and there", With([](ManagedHpa& hpa) { hpa.settings.paused_at = 0; }), 3, 0, Action::kNothing},
      {"paused at 0, which the HPA would undo", With([](ManagedHpa& hpa) {
         hpa.settings.paused_at = 0;
         hpa.owns_zero = true;
       }),
       3, 2, Action::kDisown},
      {"paused at 4, asleep", With([](ManagedHpa& hpa) { hpa.settings.paused_at = 4; }), 0, 0, Action::kPause, 4},
      {"paused at 4, awake", With([](ManagedHpa& hpa) { hpa.settings.paused_at = 4; }), 0, 1, Action::kNothing},
      {"the annotations are wrong", With([](ManagedHpa& hpa) { hpa.problems = {"wrong"}; }), 3, 0, Action::kNothing},
  };
  for (const Case& c : cases) {
    INFO(c.what);
    Observation seen{kStart, {}, c.replicas};
    if (c.length) {
      seen.demand = Demand{{*c.length}, *c.length};
    }
    const Decision decision = Decide(c.hpa, seen, Remember(Rested(), seen));
    CHECK(Name(decision.action) == Name(c.action));
    CHECK(decision.replicas == c.to);
    CHECK_FALSE(decision.reason.empty());
  }
}

TEST_CASE("the size from zero is the HPA's") {
  struct Size {
    std::vector<std::optional<std::int64_t>> values;
    std::vector<std::int64_t> targets_milli;
    std::int32_t min, max;
    std::optional<std::int32_t> first_step;
    std::optional<std::int32_t> size;
  };
  const std::vector<Size> cases{
      {{1}, {1000}, 1, 10, 10, 1},
      {{10}, {3000}, 1, 10, 10, 4},
      {{9}, {3000}, 1, 10, 10, 3},
      {{1}, {500}, 1, 10, 10, 2},
      {{1, 9, 4}, {1000, 2000, 1000}, 1, 10, 10, 5},             // The largest, not the sum.
      {{1, std::nullopt, 4}, {1000, 1000, 1000}, 1, 10, 10, 4},  // What the HPA can read decides for it, too.
      {{50}, {1000}, 1, 10, 100, 10},
      {{50}, {1000}, 1, 100, 4, 4},
      {{1}, {1000}, 3, 10, 10, 3},
      {{50}, {1000}, 0, 100, 0, 1},  // A percentage of zero is zero, and would stay so.
      {{50}, {1000}, 2, 100, 0, 2},
      {{1}, {1000}, 1, 10, std::nullopt, std::nullopt},
      {{9'223'372'036'854'775}, {1}, 1, 2'147'483'647, 2'147'483'647, 2'147'483'647},
  };
  for (const Size& c : cases) {
    ManagedHpa hpa;
    hpa.min_replicas = c.min;
    hpa.max_replicas = c.max;
    hpa.first_step = c.first_step;
    for (const std::int64_t target : c.targets_milli) {
      hpa.queues.push_back({"redis_queue_length", {}, target});
    }
    CAPTURE(c.targets_milli, c.min, c.max);
    CHECK(SizeFromZero(hpa, {c.values, {}}) == c.size);
  }
}

/// What Remember() makes of one reading a second.
class Watch {
 public:
  void See(std::optional<std::int64_t> length, std::optional<std::int32_t> replicas = 1) {
    now_ += seconds(1);
    seen_ = {now_, {}, replicas};
    if (length) {
      seen_.demand = Demand{{*length}, *length};
    }
    memory_ = Remember(memory_, seen_);
  }
  void SeeEmptyFor(seconds duration) {
    for (seconds passed{0}; passed < duration; passed += seconds(1)) {
      See(0);
    }
  }
  void Miss(seconds duration) { now_ += duration; }
  void SeeEmptyOfAnHpaInDoubt() {
    now_ += seconds(1);
    seen_ = {now_, Demand{{0}, 0}, 1, true};
    memory_ = Remember(memory_, seen_);
  }
  Action Decided(const ManagedHpa& hpa) const { return Decide(hpa, seen_, memory_).action; }

 private:
  TimePoint now_ = kStart;
  Observation seen_;
  Memory memory_;
};

TEST_CASE("what one pod may have is multiplied, what all may have together is a ratio") {
  ManagedHpa hpa = SomeHpa();
  hpa.queues[0].target_milli = 2000;
  const Demand demand{.values = {3}, .unfinished = 3};
  CHECK(SizeFor(hpa, demand, 6) == 2);
  hpa.queues[0].is_average = false;
  CHECK(SizeFor(hpa, demand, 6) == 9);
  CHECK(SizeFor(hpa, demand, 0) == 2);
}

TEST_CASE("the cool-down counts only uninterrupted certainty, while there are replicas") {
  const ManagedHpa hpa = SomeHpa();
  Watch watch;
  watch.SeeEmptyFor(seconds(60));
  CHECK(watch.Decided(hpa) == Action::kNothing);
  bool is_over = false;
  SECTION("it ends after its whole length") { is_over = true; }
  SECTION("a job begins it anew") { watch.See(1); }
  SECTION("a reading that failed begins it anew") { watch.See(std::nullopt); }
  SECTION("a time without readings begins it anew") { watch.Miss(kLongestGap + seconds(1)); }
  SECTION("a size that is not known begins it anew") { watch.See(0, std::nullopt); }
  SECTION("a time at zero does not count") { watch.See(0, 0); }
  SECTION("an HPA in doubt begins it anew") { watch.SeeEmptyOfAnHpaInDoubt(); }
  watch.See(0);
  CHECK(watch.Decided(hpa) == (is_over ? Action::kSleep : Action::kNothing));
  if (!is_over) {
    watch.SeeEmptyFor(seconds(59));
    CHECK(watch.Decided(hpa) == Action::kNothing);
    watch.SeeEmptyFor(seconds(2));
    CHECK(watch.Decided(hpa) == Action::kSleep);
  }
}

TEST_CASE("work that only another metric sees keeps a target awake") {
  ManagedHpa hpa = SomeHpa();
  const Observation seen{kStart, Demand{{0}, 1}, 1};
  CHECK(Decide(hpa, seen, Remember(Rested(), seen)).action == Action::kNothing);
  const Observation delayed{kStart, Demand{{1}, 0}, 1};
  CHECK(Decide(hpa, delayed, Remember(Rested(), delayed)).action == Action::kNothing);
}

TEST_CASE("a metric that cannot be read keeps nobody asleep that another one would wake, and puts nobody to sleep") {
  ManagedHpa hpa = SomeHpa();
  hpa.queues.push_back({"redis_queue_length", metrics::LabelSelector::Parse("queue=lost"), 1000});
  const Observation asleep{kStart, {{2, std::nullopt}, std::nullopt}, 0};
  const Decision woken = Decide(hpa, asleep, Remember({}, asleep));
  CHECK(woken.action == Action::kWake);
  CHECK(woken.replicas == 2);
  CHECK(woken.reason == "redis_queue_length{queue=jobs} is 2, redis_queue_length{queue=lost} cannot be read");
  const Observation idle{kStart, {{0, std::nullopt}, std::nullopt}, 1};
  CHECK(Decide(hpa, idle, Remember(Rested(), idle)).action == Action::kNothing);
  const Observation still_asleep{kStart, {{0, std::nullopt}, std::nullopt}, 0};
  CHECK(Decide(hpa, still_asleep, Remember({}, still_asleep)).action == Action::kNothing);
}

TEST_CASE("a spell of zero is mended once, however the HPA takes it") {
  ManagedHpa hpa = With([](ManagedHpa& changed) { changed.min_replicas = 0; });
  Observation seen{kStart, Demand{{0}, 0}, 0};
  Memory memory = Remember({}, seen);
  CHECK(Decide(hpa, seen, memory).action == Action::kMend);
  memory.mended = true;
  memory = Remember(memory, seen);
  CHECK(Decide(hpa, seen, memory).action == Action::kNothing);
  seen.replicas = 1;
  memory = Remember(memory, seen);
  seen.replicas = 0;
  memory = Remember(memory, seen);
  CHECK(Decide(hpa, seen, memory).action == Action::kMend);
}

// A small world: jobs come, workers take and finish them, an HPA sizes them, and we see all of it through faults.
struct Acts {
  int wakes = 0;
  int sleeps = 0;
};

Acts LiveIn(unsigned seed) {
  Acts acts;
  std::mt19937 random(seed);
  const auto chance = [&random](int percent) { return std::uniform_int_distribution(0, 99)(random) < percent; };
  ManagedHpa hpa = SomeHpa();
  hpa.settings.cool_down = seconds(std::uniform_int_distribution(1, 20)(random));
  hpa.min_replicas = std::uniform_int_distribution(0, 2)(random);
  hpa.max_replicas = 5;
  const bool scales_on_waiting = chance(50);
  const int arrivals = std::uniform_int_distribution(1, 30)(random);
  const int faults = std::uniform_int_distribution(0, 40)(random);
  int waiting = 0;
  int busy = 0;
  std::int32_t replicas = 1;
  Memory memory;
  TimePoint now = kStart;
  for (int step = 0; step < 2000; ++step) {
    now += chance(2) ? seconds(30) : seconds(1);
    waiting += chance(arrivals) ? 1 : 0;
    busy -= busy > 0 && chance(20) ? 1 : 0;
    const int taken = std::min(waiting, replicas - busy);
    waiting -= taken;
    busy += taken;
    const int wanted = std::min(waiting + busy, hpa.max_replicas);
    if (replicas > 0 && chance(20)) {
      replicas = std::max({wanted, busy, hpa.min_replicas, 1});
    }
    hpa.owns_zero = chance(10) ? !hpa.owns_zero : hpa.owns_zero;
    Observation seen{now, {}, {}};
    if (!chance(faults)) {
      seen.demand = Demand{{scales_on_waiting ? waiting : waiting + busy}, waiting + busy};
    }
    if (!chance(faults)) {
      seen.replicas = replicas;
    }
    memory = chance(1) ? Memory{} : memory;  // Another leader.
    memory = Remember(memory, seen);
    const Decision decision = Decide(hpa, seen, memory);
    CAPTURE(seed, step, waiting, busy, replicas);
    switch (decision.action) {
      case Action::kWake:
        REQUIRE(replicas == 0);
        REQUIRE(decision.replicas >= std::max(1, hpa.min_replicas));
        REQUIRE(decision.replicas <= hpa.max_replicas);
        replicas = decision.replicas;
        ++acts.wakes;
        break;
      case Action::kSleep:
        REQUIRE(waiting + busy == 0);
        REQUIRE(hpa.min_replicas >= 1);
        replicas = 0;
        ++acts.sleeps;
        break;
      case Action::kMend:
        REQUIRE(replicas == 0);
        memory.mended = true;
        break;
      case Action::kDisown:
        hpa.owns_zero = false;
        break;
      case Action::kPause:
      case Action::kSpareBusy:
      case Action::kNothing:
        break;
    }
    REQUIRE(replicas >= busy);
  }
  return acts;
}

TEST_CASE("under random faults the target never goes below its busy workers") {
  Acts acts;
  for (unsigned seed = 0; seed < 200; ++seed) {
    const Acts more = LiveIn(seed);
    acts.wakes += more.wakes;
    acts.sleeps += more.sleeps;
  }
  CHECK(acts.wakes > 100);
  CHECK(acts.sleeps > 100);
}

}  // namespace
}  // namespace server::zero
