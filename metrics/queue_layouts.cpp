#include "metrics/queue_layouts.h"

#include <algorithm>
#include <array>
#include <utility>

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

namespace metrics {
namespace {

using layouts::TimeUnit;
using Type = LayoutOption::Type;
using Workers = layouts::ReliableListOptions::Registry;

constexpr auto kUnits = std::to_array<std::string_view>({"seconds", "milliseconds", "microseconds", "nanoseconds"});
constexpr std::array kUnitValues{TimeUnit::kSeconds, TimeUnit::kMilliseconds, TimeUnit::kMicroseconds,
                                 TimeUnit::kNanoseconds};

constexpr auto kWorkersTypes = std::to_array<std::string_view>({"set", "sorted-set", "hash"});
constexpr std::array kWorkersValues{Workers::kSet, Workers::kSortedSet, Workers::kHash};

constexpr std::string_view kKeyPattern = "a key, in which {queue} stands for the queue";
constexpr auto kOfQueue = std::to_array<std::string_view>({"{queue}"});
constexpr auto kOfWorker = std::to_array<std::string_view>({"{queue}", "{worker}"});

constexpr LayoutOption kPrefix{"prefix", Type::kText, "what all keys of the framework begin with"};

constexpr auto kOnlyPrefix = std::to_array<LayoutOption>({kPrefix});
constexpr auto kReliableList = std::to_array<LayoutOption>({
    {.name = "waiting", .type = Type::kText, .meaning = kKeyPattern, .places = kOfQueue},
    {.name = "processing",
     .type = Type::kTexts,
     .meaning = "a list of keys, in which {queue} stands for the queue",
     .may_be_empty = true,
     .places = kOfQueue},
    {.name = "workers", .type = Type::kText, .meaning = kKeyPattern, .places = kOfQueue},
    {"workersType", Type::kText, "the type of workers", kWorkersTypes},
    {.name = "workerProcessing",
     .type = Type::kText,
     .meaning = "a key, in which {queue} and {worker} stand for their names",
     .places = kOfWorker,
     .needed_place = "{worker}",
     .needed_option = "workers"},
    {.name = "delayed", .type = Type::kText, .meaning = kKeyPattern, .places = kOfQueue},
    {"delayedUnit", Type::kText, "the unit of delayed", kUnits},
});
constexpr auto kSortedSet = std::to_array<LayoutOption>({
    {"due", Type::kText, "the unit of the scores", kUnits},
});
constexpr auto kStream = std::to_array<LayoutOption>({
    {"groups", Type::kTexts, "a list of consumer groups, such as [workers]"},
});
constexpr auto kTaskiqStream = std::to_array<LayoutOption>({
    {"group", Type::kText, "the consumer group, such as taskiq"},
});
constexpr auto kCelery = std::to_array<LayoutOption>({
    kPrefix,
    {"unackedKey", Type::kText, "the key of unacknowledged messages, such as unacked"},
    {"prioritySteps", Type::kNumbers, "a list of numbers from 0, such as [0, 3, 6, 9]"},
    {"separator", Type::kText, "what stands between a queue and its priority"},
});
constexpr auto kLaravel = std::to_array<LayoutOption>({
    kPrefix,
    {"hashTag", Type::kFlag, "whether keys have braces around the queue, as on a cluster"},
});
constexpr auto kHuey = std::to_array<LayoutOption>({
    {"priority", Type::kFlag, "whether it is PriorityRedisHuey"},
    {"cleanName", Type::kFlag, "whether keys lose all characters of the name but letters, digits and _"},
});

/// Leaves `target` alone if the configuration does not say.
template <typename T>
void Take(const LayoutOptions& options, std::string_view name, T& target) {
  if (auto value = options.Find<T>(name)) target = *std::move(value);
}

template <typename T, std::size_t Count>
std::optional<T> Choice(const LayoutOptions& options, std::string_view name,
                        const std::array<std::string_view, Count>& names, const std::array<T, Count>& values) {
  const auto text = options.Find<std::string>(name);
  if (!text) return std::nullopt;
  return values.at(static_cast<std::size_t>(std::find(names.begin(), names.end(), *text) - names.begin()));
}

template <typename Layout>
std::unique_ptr<const QueueLayout> Make(const LayoutOptions& /*options*/) {
  return std::make_unique<Layout>();
}

template <typename Layout, typename Options>
std::unique_ptr<const QueueLayout> MakePrefixed(const LayoutOptions& options) {
  Options of_layout;
  Take(options, "prefix", of_layout.prefix);
  return std::make_unique<Layout>(of_layout);
}

std::unique_ptr<const QueueLayout> MakeReliableList(const LayoutOptions& options) {
  layouts::ReliableListOptions of_layout;
  Take(options, "waiting", of_layout.waiting);
  Take(options, "processing", of_layout.processing);
  Take(options, "workers", of_layout.workers);
  of_layout.workers_type =
      Choice(options, "workersType", kWorkersTypes, kWorkersValues).value_or(of_layout.workers_type);
  Take(options, "workerProcessing", of_layout.worker_processing);
  Take(options, "delayed", of_layout.delayed);
  of_layout.delayed_unit = Choice(options, "delayedUnit", kUnits, kUnitValues).value_or(of_layout.delayed_unit);
  return std::make_unique<layouts::ReliableList>(of_layout);
}

std::unique_ptr<const QueueLayout> MakeSortedSet(const LayoutOptions& options) {
  return std::make_unique<layouts::SortedSet>(
      layouts::SortedSetOptions{.due = Choice(options, "due", kUnits, kUnitValues)});
}

std::unique_ptr<const QueueLayout> MakeStream(const LayoutOptions& options) {
  layouts::StreamOptions of_layout;
  Take(options, "groups", of_layout.groups);
  return std::make_unique<layouts::Stream>(std::move(of_layout));
}

std::unique_ptr<const QueueLayout> MakeTaskiqStream(const LayoutOptions& options) {
  layouts::TaskiqStreamOptions of_layout;
  Take(options, "group", of_layout.group);
  return std::make_unique<layouts::TaskiqStream>(of_layout);
}

std::unique_ptr<const QueueLayout> MakeCelery(const LayoutOptions& options) {
  layouts::CeleryOptions of_layout;
  Take(options, "prefix", of_layout.global_keyprefix);
  Take(options, "unackedKey", of_layout.unacked_key);
  Take(options, "prioritySteps", of_layout.priority_steps);
  Take(options, "separator", of_layout.sep);
  return std::make_unique<layouts::Celery>(std::move(of_layout));
}

std::unique_ptr<const QueueLayout> MakeLaravel(const LayoutOptions& options) {
  layouts::LaravelOptions of_layout;
  Take(options, "prefix", of_layout.prefix);
  Take(options, "hashTag", of_layout.hash_tag);
  return std::make_unique<layouts::Laravel>(of_layout);
}

std::unique_ptr<const QueueLayout> MakeHuey(const LayoutOptions& options) {
  layouts::HueyOptions of_layout;
  Take(options, "priority", of_layout.priority);
  Take(options, "cleanName", of_layout.clean_name);
  return std::make_unique<layouts::Huey>(of_layout);
}

// Where frameworks note which queues they have.

QueueRegistry RqQueues(const LayoutOptions& options) {
  const std::string prefix = options.Find<std::string>("prefix").value_or(layouts::RqOptions().prefix);
  return {prefix + ":queues", prefix + ":queue:"};
}

QueueRegistry SidekiqQueues(const LayoutOptions& options) {
  return {options.Find<std::string>("prefix").value_or(layouts::SidekiqOptions().prefix) + "queues"};
}

QueueRegistry ResqueQueues(const LayoutOptions& options) {
  return {options.Find<std::string>("prefix").value_or(layouts::ResqueOptions().prefix) + ":queues"};
}

QueueRegistry AsynqQueues(const LayoutOptions& /*options*/) { return {"asynq:queues"}; }

const auto kKinds = std::to_array<LayoutKind>({
    {"by-type", {}, &Make<layouts::ByType>},
    {"list", {}, &Make<layouts::List>},
    {"reliable-list", kReliableList, &MakeReliableList},
    {"set", {}, &Make<layouts::Set>},
    {"sorted-set", kSortedSet, &MakeSortedSet},
    {"hash", {}, &Make<layouts::Hash>},
    {"counter", {}, &Make<layouts::Counter>},
    {"stream", kStream, &MakeStream},
    {"celery", kCelery, &MakeCelery},
    {"rq", kOnlyPrefix, &MakePrefixed<layouts::Rq, layouts::RqOptions>, &RqQueues},
    {"dramatiq", kOnlyPrefix, &MakePrefixed<layouts::Dramatiq, layouts::DramatiqOptions>},
    {"arq", {}, &Make<layouts::Arq>},
    {"saq", {}, &Make<layouts::Saq>},
    {"huey", kHuey, &MakeHuey},
    {"taskiq-list", {}, &Make<layouts::TaskiqList>},
    {"taskiq-stream", kTaskiqStream, &MakeTaskiqStream},
    {"sidekiq", kOnlyPrefix, &MakePrefixed<layouts::Sidekiq, layouts::SidekiqOptions>, &SidekiqQueues},
    {"resque", kOnlyPrefix, &MakePrefixed<layouts::Resque, layouts::ResqueOptions>, &ResqueQueues},
    {"bullmq", kOnlyPrefix, &MakePrefixed<layouts::BullMq, layouts::BullMqOptions>},
    {"bull", kOnlyPrefix, &MakePrefixed<layouts::Bull, layouts::BullOptions>},
    {"bee-queue", kOnlyPrefix, &MakePrefixed<layouts::BeeQueue, layouts::BeeQueueOptions>},
    {"laravel", kLaravel, &MakeLaravel},
    {"asynq", {}, &Make<layouts::Asynq>, &AsynqQueues},
});

}  // namespace

std::span<const LayoutKind> LayoutKinds() { return kKinds; }

const LayoutKind* FindLayoutKind(std::string_view name) {
  const auto* const found =
      std::find_if(kKinds.begin(), kKinds.end(), [name](const LayoutKind& kind) { return kind.name == name; });
  return found == kKinds.end() ? nullptr : found;
}

std::string LayoutNames() {
  std::string names;
  for (const LayoutKind& kind : kKinds) names += (names.empty() ? "" : ", ") + std::string(kind.name);
  return names;
}

}  // namespace metrics
