#include "server/redis_event_log.h"

namespace server {

void RedisEventLog::OnRoundTrip(std::string_view source, std::chrono::nanoseconds duration) {
  next_.OnRoundTrip(source, duration);
}

void RedisEventLog::OnError(std::string_view source, std::string_view queues, metrics::UnavailableKind kind,
                            std::string_view cause) {
  const std::string_view kind_name = metrics::Name(kind);
  std::uint64_t suppressed = 0;
  if (limiter_.Allow(std::string(source) + "/" + std::string(kind_name), suppressed)) {
    Log(LogLevel::kWarning, "cannot read queue length",
        {{"redis", source},
         {"queue", queues},
         {"kind", kind_name},
         {"cause", cause},
         {"suppressed", std::to_string(suppressed)}});
  }
  next_.OnError(source, queues, kind, cause);
}

void RedisEventLog::OnConnectionChange(std::string_view source, bool up, std::string_view cause) {
  if (up) {
    Log(LogLevel::kInfo, "redis connection is up", {{"redis", source}});
  } else {
    Log(LogLevel::kWarning, "redis connection is down", {{"redis", source}, {"cause", cause}});
  }
  next_.OnConnectionChange(source, up, cause);
}

}  // namespace server
