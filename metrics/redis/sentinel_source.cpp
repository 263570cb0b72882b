#include "metrics/redis/sentinel_source.h"

#include <algorithm>
#include <charconv>
#include <new>
#include <utility>
#include <variant>

#include "metrics/go_quote.h"
#include "metrics/redis/error_reply.h"

namespace metrics::redis {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kAskEvery{100};
constexpr milliseconds kPatience{500};      // With one answer of a Sentinel, or with the last of the first ones.
constexpr milliseconds kRemembered{10000};  // What a Sentinel said before it fell silent: the others may know less.

/// What becomes of the connections to Sentinels is not an event of the source.
class Unobserved final : public RedisObserver {
 public:
  void OnRoundTrip(std::string_view, std::chrono::nanoseconds) override {}
  void OnError(std::string_view, std::string_view, UnavailableKind, std::string_view) override {}
  void OnConnectionChange(std::string_view, bool, std::string_view) override {}
};

RedisOptions OptionsForSentinel(const SentinelOptions& options, RedisEndpoint endpoint) {
  endpoint.database = 0;
  return {.endpoint = std::move(endpoint),
          .credentials = options.sentinel_credentials,
          .timeout = options.timeout,
          .name = options.name,
          .tls = options.sentinel_tls,
          .protocol = options.protocol};
}

RedisOptions OptionsForMaster(const SentinelOptions& options) {
  RedisOptions of_master{.endpoint = {},
                         .credentials = options.credentials,
                         .timeout = options.timeout,
                         .name = options.name,
                         .tls = options.tls,
                         .protocol = options.protocol};
  of_master.endpoint.database = options.database;
  return of_master;
}

template <typename Number>
std::optional<Number> ParseNumber(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

/// Where the answer to GET-MASTER-ADDR-BY-NAME says the master is.
std::optional<RedisEndpoint> EndpointFrom(const Reply& reply) {
  if (reply.elements.size() != 2) return std::nullopt;
  const auto port = ParseNumber<std::uint16_t>(reply.elements[1].text);
  if (!port || *port == 0 || reply.elements[0].text.empty()) return std::nullopt;
  RedisEndpoint endpoint;
  endpoint.host = reply.elements[0].text;
  endpoint.port = *port;
  return endpoint;
}

/// From the answer to MASTER, names and values in turn. -1 if it is not told.
std::int64_t EpochFrom(const Reply& reply) {
  for (std::size_t i = 0; i + 1 < reply.elements.size(); i += 2) {
    if (reply.elements[i].text == "config-epoch") {
      return ParseNumber<std::int64_t>(reply.elements[i + 1].text).value_or(-1);
    }
  }
  return -1;
}

}  // namespace

SentinelSource::SentinelSource(EventLoop& loop, SentinelOptions options, RedisObserver& observer)
    : options_(std::move(options)),
      subject_("Redis master " + GoQuote(options_.master_name)),
      loop_(loop),
      begun_(steady_clock::now()),
      master_(loop, OptionsForMaster(options_), observer, RedisConnection::Target::kMaster) {
  static Unobserved unobserved;
  sentinels_.reserve(options_.sentinels.size());
  for (const RedisEndpoint& endpoint : options_.sentinels) {
    sentinels_.emplace_back().connection =
        std::make_unique<RedisConnection>(loop, OptionsForSentinel(options_, endpoint), unobserved);
  }
  timer_.emplace(loop, [this] { AskAll(); });
  timer_->Set(steady_clock::now());
}

SentinelSource::~SentinelSource() {
  loop_.RunAndWait([this] { timer_.reset(); });
  for (Sentinel& sentinel : sentinels_) sentinel.connection.reset();  // Its last answer is taken yet.
}

void SentinelSource::AskAll() {
  const auto now = steady_clock::now();
  timer_->Set(now + kAskEvery);
  const auto patience = followed_ ? kPatience : std::max(kPatience, options_.timeout);
  std::vector<Sentinel*> idle;
  try {
    idle.reserve(sentinels_.size());
  } catch (const std::bad_alloc&) {
    return;  // Until the next alarm.
  }
  for (Sentinel& sentinel : sentinels_) {
    if (!std::exchange(sentinel.is_asked, true)) idle.push_back(&sentinel);
  }
  for (Sentinel* const sentinel : idle) {  // All are asked before the first answers.
    try {
      Batch batch;
      batch.Add({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", options_.master_name});
      batch.Add({"SENTINEL", "MASTER", options_.master_name});
      sentinel->connection->Send(std::move(batch), now + patience,
                                 [this, sentinel](const Result& answer) { Take(*sentinel, answer); });
    } catch (const std::bad_alloc&) {
      Take(*sentinel, NoMemory());
    }
  }
}

void SentinelSource::Take(Sentinel& sentinel, const Result& answer) {
  sentinel.is_asked = false;
  try {
    sentinel.problem = Read(sentinel, answer);
    Follow();
  } catch (const std::bad_alloc&) {  // Once more with the next answer.
    sentinel.problem = NoMemory();
  }
}

std::optional<Failure> SentinelSource::Read(Sentinel& sentinel, const Result& answer) {
  if (const auto* const failure = std::get_if<Failure>(&answer)) return *failure;
  const auto& replies = std::get<std::vector<Reply>>(answer);
  const Reply& address = replies[0];
  if (auto master = EndpointFrom(address)) {
    sentinel.report = Report{*std::move(master), EpochFrom(replies[1]), steady_clock::now()};
    return std::nullopt;
  }
  sentinel.report.reset();
  const std::string& subject = sentinel.connection->subject();
  if (address.type == Reply::Type::kError) {
    return Failure{KindOfError(address.text), subject + " answered " + QuoteError(address.text)};
  }
  return Failure{UnavailableKind::kServer, subject + " knows no such master"};
}

Failure SentinelSource::Unknown(const Failure& why) const {
  return {why.kind, subject_ + " is not told by any of its Sentinels: " + why.text};
}

void SentinelSource::Follow() {
  const Report* best = nullptr;
  for (const Sentinel& sentinel : sentinels_) {
    const auto& report = sentinel.report;
    if (!report || report->at + kRemembered < steady_clock::now()) continue;
    const bool is_newer = best == nullptr || report->epoch > best->epoch;
    if (is_newer || (report->epoch == best->epoch && report->master == followed_)) best = &*report;
  }
  // The first to answer may be the one that has missed the latest failover, or that knows nothing.
  const auto is_asked = [](const Sentinel& sentinel) { return sentinel.is_asked; };
  const bool waits = best == nullptr || steady_clock::now() < begun_ + kPatience;
  if (!followed_ && waits && std::any_of(sentinels_.begin(), sentinels_.end(), is_asked)) return;
  if (best == nullptr) {
    if (!followed_) master_.HasNoEndpoint(Unknown(*sentinels_.front().problem));
  } else if (best->master != followed_) {
    auto master = best->master;
    master_.UseEndpoint(master);
    followed_ = std::move(master);  // Only now, since the above may find no memory.
  }
}

}  // namespace metrics::redis
