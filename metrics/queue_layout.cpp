#include "metrics/queue_layout.h"

#include <string>

#include "metrics/go_quote.h"
#include "metrics/metric_provider.h"
#include "metrics/redis/error_reply.h"

namespace metrics {

using redis::Reply;

std::int64_t CountFrom(const Reply& reply, std::string_view command, std::string_view key) {
  if (reply.type != Reply::Type::kInteger || reply.integer < 0) RejectReply(reply, command, key);
  return reply.integer;
}

void RejectReply(const Reply& reply, std::string_view command, std::string_view key) {
  if (reply.type == Reply::Type::kUnavailable) throw MetricUnavailableError(reply.kind, reply.text);
  const bool is_error = reply.type == Reply::Type::kError;
  const std::string answer = is_error                              ? redis::QuoteError(reply.text)
                             : reply.type == Reply::Type::kInteger ? "with the number " + std::to_string(reply.integer)
                                                                   : "with a reply of the wrong type";
  throw MetricUnavailableError(is_error ? redis::KindOfError(reply.text) : UnavailableKind::kProtocol,
                               (reply.is_discarded ? "what is asked together with " : "") + std::string(command) +
                                   " of the key " + GoQuote(key) + " was answered " + answer);
}

}  // namespace metrics
