#include "metrics/redis/redis_source.h"

#include <utility>

#include "metrics/redis/cluster_source.h"
#include "metrics/redis/redis_connection.h"
#include "metrics/redis/sentinel_source.h"

namespace metrics::redis {
namespace {

/// Which class serves which options.
struct Maker {
  EventLoop& loop;
  RedisObserver& observer;

  std::unique_ptr<RedisSource> operator()(RedisOptions options) const {
    return std::make_unique<RedisConnection>(loop, std::move(options), observer);
  }
  std::unique_ptr<RedisSource> operator()(SentinelOptions options) const {
    return std::make_unique<SentinelSource>(loop, std::move(options), observer);
  }
  std::unique_ptr<RedisSource> operator()(ClusterOptions options) const {
    return std::make_unique<ClusterSource>(loop, std::move(options), observer);
  }
};

}  // namespace

std::unique_ptr<RedisSource> MakeSource(EventLoop& loop, SourceOptions options, RedisObserver& observer) {
  return std::visit(Maker{loop, observer}, std::move(options));
}

}  // namespace metrics::redis
