#include "metrics/queue_search.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <string_view>
#include <utility>

#include "metrics/go_quote.h"

namespace metrics {
namespace {

using std::chrono::steady_clock;

/// A registry is read whole if it has no more members than one request may ask for queues.
constexpr std::string_view kMostMembers = "1001";
static_assert(QueueCatalog::kMaxQueues == 1000);

/// The names in the registry that `reply` lists, without what each begins with.
std::vector<std::string> NamesIn(const redis::Reply& reply, const QueueRegistry& registry) {
  if (reply.type != redis::Reply::Type::kArray) RejectReply(reply, "SRANDMEMBER", registry.key);
  if (reply.elements.size() > QueueCatalog::kMaxQueues) {
    throw MetricNotFoundError("the set " + GoQuote(registry.key) + " names more than " +
                              std::to_string(QueueCatalog::kMaxQueues) +
                              " queues; select those you mean by queue=NAME or queue in (NAME,NAME)");
  }
  std::vector<std::string> names;
  for (const redis::Reply& element : reply.elements) {
    if (element.text.starts_with(registry.prefix)) names.push_back(element.text.substr(registry.prefix.size()));
  }
  return names;
}

FoundQueues Find(const QueueSearch& search, const QueueCatalog::Members& members) {
  try {
    return search.catalog.Find(search.query.ns, search.metric, search.query.selector, members);
  } catch (const MetricNotFoundError& error) {
    return MetricNotFound{error.what()};
  }
}

/// The registries of some patterns on their way. They are awaited all, whatever becomes of one of them.
class Registries : public std::enable_shared_from_this<Registries> {
 public:
  using Patterns = std::vector<std::shared_ptr<const ConfiguredQueue>>;

  Registries(const QueueSearch& search, Patterns patterns, std::function<void(FoundQueues)> callback)
      : search_(search), patterns_(std::move(patterns)), callback_(std::move(callback)), missing_(patterns_.size()) {}

  void Read() {
    for (const auto& pattern : patterns_) {
      redis::RedisSource& source = SourceOf(search_.sources, *pattern);
      redis::Batch batch;
      batch.Add({"SRANDMEMBER", pattern->registry->key, kMostMembers});
      source.Send(std::move(batch), std::min(search_.query.deadline, steady_clock::now() + source.timeout()),
                  [self = shared_from_this(), &pattern = *pattern](redis::Result result) {
                    self->Take(pattern, std::move(result));
                  });
    }
  }

 private:
  void Take(const ConfiguredQueue& pattern, redis::Result result) {
    {
      const std::lock_guard lock(mutex_);
      try {
        Note(pattern, std::move(result));
      } catch (const std::bad_alloc&) {
        Fail(pattern, NoMemory());
      }
      if (--missing_ > 0) return;
    }
    callback_(Found());
  }

  // With mutex_ held:

  void Note(const ConfiguredQueue& pattern, redis::Result result) {
    try {
      if (auto* failure = std::get_if<redis::Failure>(&result)) return Fail(pattern, std::move(*failure));
      const auto& reply = std::get<std::vector<redis::Reply>>(result).at(0);
      members_[&pattern] = NamesIn(reply, *pattern.registry);
    } catch (const MetricUnavailableError& error) {
      const redis::RedisSource& source = SourceOf(search_.sources, pattern);
      Fail(pattern, MetricUnavailable{error.kind(), source.subject() + ": " + error.what()});
    } catch (const MetricNotFoundError& error) {
      Fail(pattern, MetricNotFound{error.what()});
    }
  }

  void Fail(const ConfiguredQueue& pattern, std::variant<std::monostate, MetricNotFound, MetricUnavailable> why) {
    failed_ = &pattern;
    failure_ = std::move(why);
  }

  /// All have come, and nobody else has anything to do with this any more.
  FoundQueues Found() try {
    if (auto* unavailable = std::get_if<MetricUnavailable>(&failure_)) {
      const bool is_own_hurry =
          unavailable->kind == UnavailableKind::kTimeout && steady_clock::now() >= search_.query.deadline;
      if (!is_own_hurry) {
        const redis::RedisSource& source = SourceOf(search_.sources, *failed_);
        search_.observer.OnError(source.name(), failed_->name, unavailable->kind, unavailable->text);
      }
      return std::move(*unavailable);
    }
    if (auto* not_found = std::get_if<MetricNotFound>(&failure_)) return std::move(*not_found);
    return Find(search_, members_);
  } catch (const std::bad_alloc&) {
    return NoMemory();
  }

  const QueueSearch search_;
  const Patterns patterns_;
  const std::function<void(FoundQueues)> callback_;

  std::mutex mutex_;
  // Guarded by mutex_.
  std::size_t missing_;
  QueueCatalog::Members members_;
  std::variant<std::monostate, MetricNotFound, MetricUnavailable> failure_{};  // The latest.
  const ConfiguredQueue* failed_ = nullptr;                                    // What it is about.
};

}  // namespace

redis::RedisSource& SourceOf(const RedisSources& sources, const ConfiguredQueue& queue) {
  return *sources.find(queue.settings.redis)->second;
}

FoundQueues FindQueues(const QueueSearch& search) { return Find(search, {}); }

void FindQueues(const QueueSearch& search, std::vector<std::shared_ptr<const ConfiguredQueue>> patterns,
                std::function<void(FoundQueues)> callback) {
  std::make_shared<Registries>(search, std::move(patterns), std::move(callback))->Read();
}

}  // namespace metrics
