#include "metrics/queue_metric_provider.h"

#include <algorithm>
#include <iterator>
#include <new>
#include <optional>
#include <utility>
#include <variant>

#include "metrics/go_quote.h"
#include "metrics/queue_metric.h"
#include "metrics/queue_search.h"

namespace metrics {
namespace {

MetricNotFound UnknownMetric(std::string_view metric) {
  std::string names;
  for (const QueueMetric known : QueueMetrics()) names.append(names.empty() ? "" : ", ").append(Name(known));
  return {"there is no metric " + QuoteBeginning(metric) + "; there are " + names};
}

}  // namespace

/// A question on its way to its answer: which queues it is about, what Redis says of them, and what that makes. Whoever
/// asks is answered, also when there is no memory to go on.
template <typename Callback>
class QueueMetricProvider::Asked : public std::enable_shared_from_this<Asked<Callback>> {
 public:
  Asked(QueueMetricProvider& provider, QueueMetric metric, MetricQuery query, Callback callback)
      : provider_(provider),
        snapshot_(provider.Current()),
        metric_(metric),
        query_(std::move(query)),
        callback_(std::move(callback)) {}
  virtual ~Asked() = default;

  void Begin() {
    const QueueSearch search{snapshot_->catalog, snapshot_->sources, provider_.observer_, query_, metric_};
    OrNoMemory([&] {
      auto patterns = snapshot_->catalog.PatternsToList(query_.ns, query_.selector);
      if (patterns.empty()) return Take(FindQueues(search));
      FindQueues(search, std::move(patterns), [self = this->shared_from_this()](FoundQueues found) {
        self->OrNoMemory([&] { self->Take(std::move(found)); });
      });
    });
  }

 protected:
  void Read(std::vector<QueueQuestion> questions) {
    provider_.reader_.Read(
        std::move(questions), query_.deadline,
        [self = this->shared_from_this()](std::vector<QueueOutcome> outcomes) {
          self->OrNoMemory([&] { self->Answer(std::move(outcomes)); });
        },
        query_.not_before);
  }

  QueueMetricProvider& provider_;
  const std::shared_ptr<const Snapshot> snapshot_;
  const QueueMetric metric_;
  const MetricQuery query_;
  const Callback callback_;

 private:
  // May throw std::bad_alloc, but not once they have called back.
  virtual void ReadQueues(std::vector<Queue> queues) = 0;
  /// To what was put to Read(), in its order.
  virtual void Answer(std::vector<QueueOutcome> outcomes) = 0;

  void Take(FoundQueues found) {
    if (auto* queues = std::get_if<std::vector<Queue>>(&found)) return ReadQueues(std::move(*queues));
    if (auto* unknown = std::get_if<MetricNotFound>(&found)) return callback_(std::move(*unknown));
    callback_(std::get<MetricUnavailable>(std::move(found)));
  }

  template <typename Act>
  void OrNoMemory(Act act) {
    try {
      act();
    } catch (const std::bad_alloc&) {
      callback_(NoMemory());
    }
  }
};

class QueueMetricProvider::HoldersQuery final : public Asked<HoldersCallback> {
 public:
  HoldersQuery(QueueMetricProvider& provider, MetricQuery query, HoldersCallback callback)
      : Asked(provider, QueueMetric::kWaiting, std::move(query), std::move(callback)) {}

 private:
  void ReadQueues(std::vector<Queue> queues) override {
    std::vector<QueueQuestion> questions;
    for (Queue& queue : queues) {
      const ConfiguredQueue& configured = *queue.configured;
      if (!configured.layout->Offers().holders) {
        return callback_(MetricNotFound{"the layout " + configured.settings.layout_name + " of the queue " +
                                        QuoteBeginning(queue.name_in_redis) + " cannot tell who has taken its jobs"});
      }
      questions.push_back({&SourceOf(snapshot_->sources, configured),
                           configured.layout,
                           std::move(queue.name_in_redis),
                           {.in_flight = true, .holders = true}});
    }
    Read(std::move(questions));
  }

  /// All of them, unless one of the queues could not be read.
  void Answer(std::vector<QueueOutcome> outcomes) override {
    std::vector<std::string> holders;
    for (QueueOutcome& outcome : outcomes) {
      if (auto* why = std::get_if<MetricUnavailable>(&outcome)) return callback_(std::move(*why));
      auto& found = std::get<QueueReading>(outcome).counts.holders;
      std::move(found.begin(), found.end(), std::back_inserter(holders));
    }
    callback_(std::move(holders));
  }
};

class QueueMetricProvider::Query final : public Asked<MetricCallback> {
 public:
  using Asked::Asked;

 private:
  /// No answer is of use any more.
  bool IsLate() const { return std::chrono::steady_clock::now() >= query_.deadline; }

  void ReadQueues(std::vector<Queue> queues) override {
    queues_ = std::move(queues);
    samples_.reserve(queues_.size());
    std::vector<QueueQuestion> questions;
    for (std::size_t i = 0; i < queues_.size(); ++i) {
      const ConfiguredQueue& configured = *queues_[i].configured;
      QueueQuestion question{&SourceOf(snapshot_->sources, configured), configured.layout,
                             std::move(queues_[i].name_in_redis), queues_[i].wanted};
      samples_.push_back({.labels = std::move(queues_[i].labels), .value = 0, .timestamp = kNotRead});
      const auto max_age = configured.settings.max_age;
      if (max_age.count() > 0 && !query_.TakesOnlyNew()) {
        Use(provider_.last_readings_.Find(question, max_age), i);
      }
      if (IsRead(i)) continue;
      if (max_age.count() > 0 || configured.settings.on_error != ErrorPolicy()) remembered_.emplace(i, question);
      questions.push_back(std::move(question));
    }
    if (questions.empty()) return callback_(std::move(samples_));
    Read(std::move(questions));
  }

  void Answer(std::vector<QueueOutcome> outcomes) override {
    auto next = outcomes.begin();
    for (std::size_t i = 0; i < queues_.size(); ++i) {
      if (IsRead(i)) continue;  // It was not asked for.
      QueueOutcome& outcome = *next++;
      const auto remembered = remembered_.find(i);
      if (auto* reading = std::get_if<QueueReading>(&outcome)) {
        if (remembered != remembered_.end()) provider_.last_readings_.Remember(remembered->second, *reading);
        Use(std::move(*reading), i);
      } else if (remembered != remembered_.end() && !query_.TakesOnlyNew() &&
                 !IsLate()) {  // The hurry of who asks is no error of Redis.
        Use(Substitute(queues_[i].configured->settings.on_error, remembered->second), i);
      }
      if (!IsRead(i)) return callback_(std::get<MetricUnavailable>(std::move(outcome)));
    }
    callback_(std::move(samples_));
  }

  /// What the configuration wants answered instead of an error, if it does.
  std::optional<QueueReading> Substitute(const ErrorPolicy& policy, const QueueQuestion& question) const {
    if (policy.hold) return provider_.last_readings_.Find(question, *policy.hold);
    const bool counts_jobs = metric_ == QueueMetric::kLength || metric_ == QueueMetric::kWaiting;
    if (!policy.value || !counts_jobs) return std::nullopt;
    // Nobody has read this value, so its time is that of what was read last, if anything was.
    const auto last = provider_.last_readings_.Find(question, std::chrono::nanoseconds::max());
    return QueueReading{{.waiting = *policy.value}, last ? last->timestamp : std::chrono::system_clock::now()};
  }

  bool IsRead(std::size_t i) const { return samples_[i].timestamp != kNotRead; }

  /// For the queue with that index, if there is a reading.
  void Use(const std::optional<QueueReading>& reading, std::size_t i) {
    if (!reading) return;
    samples_[i].value = ValueOf(metric_, queues_[i].wanted, reading->counts);
    samples_[i].timestamp = reading->timestamp;
  }

  static constexpr std::chrono::system_clock::time_point kNotRead{};

  // One for each queue, in their order.
  std::vector<Queue> queues_;
  std::map<std::size_t, QueueQuestion> remembered_;  // By index, of those whose readings are.
  std::vector<MetricSample> samples_;
};

QueueMetricProvider::QueueMetricProvider(redis::EventLoop& loop, redis::RedisObserver& observer,
                                         SourceOptionsOf options_of)
    : loop_(loop), observer_(observer), options_of_(std::move(options_of)), reader_(observer) {}

void QueueMetricProvider::Use(QueueConfig config) {
  std::vector<Source> next;
  std::vector<std::size_t> kept;  // Of used_.
  for (const SourceConfig& wanted : config.sources) {
    const auto same =
        std::find_if(used_.begin(), used_.end(), [&](const Source& have) { return have.config == wanted; });
    if (same == used_.end()) {
      next.push_back({wanted, redis::MakeSource(loop_, options_of_(wanted), observer_)});
    } else {
      kept.push_back(static_cast<std::size_t>(same - used_.begin()));
    }
  }
  RedisSources sources;
  std::vector<std::shared_ptr<const void>> in_use;
  const auto name = [&](const Source& source) {
    sources.emplace(source.config.name, source.redis.get());
    in_use.push_back(source.in_use);
  };
  for (const Source& source : next) name(source);
  for (const std::size_t i : kept) name(used_[i]);
  // What was last read is known by its layout, among others. Queues that keep theirs keep that as well.
  Layouts layouts;
  for (ConfiguredQueue& queue : config.queues) {
    auto key = std::pair(queue.settings.layout_name, queue.settings.layout_options);
    const auto known = layouts_.find(key);
    if (known != layouts_.end()) queue.layout = known->second;
    queue.layout = layouts.try_emplace(std::move(key), queue.layout).first->second;
  }
  auto snapshot = std::make_shared<const Snapshot>(
      Snapshot{QueueCatalog(std::move(config)), std::move(sources), std::move(in_use)});
  next.reserve(next.size() + used_.size());
  unused_.reserve(unused_.size() + used_.size());
  {
    const std::lock_guard lock(mutex_);
    current_.swap(snapshot);  // From here on nothing may fail.
  }
  for (std::size_t i = 0; i < used_.size(); ++i) {
    const bool is_kept = std::find(kept.begin(), kept.end(), i) != kept.end();
    (is_kept ? next : unused_).push_back(std::move(used_[i]));
  }
  used_ = std::move(next);
  layouts_ = std::move(layouts);
}

std::vector<std::string> QueueMetricProvider::EndUnused() {
  std::vector<std::string> gone;
  std::erase_if(unused_, [&](const Source& source) {
    if (source.in_use.use_count() > 1) return false;
    last_readings_.Forget(*source.redis);
    const auto has_its_name = [&](const Source& used) { return used.config.name == source.config.name; };
    if (std::none_of(used_.begin(), used_.end(), has_its_name)) gone.push_back(source.config.name);
    return true;
  });
  return gone;
}

void QueueMetricProvider::Get(MetricQuery query, MetricCallback callback) {
  const auto metric = FindQueueMetric(query.metric);
  if (!metric) return callback(UnknownMetric(query.metric));
  std::make_shared<Query>(*this, *metric, std::move(query), std::move(callback))->Begin();
}

void QueueMetricProvider::GetHolders(MetricQuery query, HoldersCallback callback) {
  std::make_shared<HoldersQuery>(*this, std::move(query), std::move(callback))->Begin();
}

std::vector<std::string> QueueMetricProvider::List() const {
  std::vector<std::string> names;
  for (const QueueMetric metric : QueueMetrics()) names.emplace_back(Name(metric));
  return names;
}

std::vector<std::pair<std::string, redis::SourceStatus>> QueueMetricProvider::Sources() const {
  std::vector<std::pair<std::string, redis::SourceStatus>> all;
  // The snapshot keeps its sources from being ended.
  const auto snapshot = Current();
  for (const auto& [name, source] : snapshot->sources) all.emplace_back(name, source->status());
  return all;
}

std::shared_ptr<const QueueMetricProvider::Snapshot> QueueMetricProvider::Current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

}  // namespace metrics
