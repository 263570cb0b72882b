#include "metrics/redis/sentinel_source.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <variant>

#include "metrics/go_quote.h"
#include "metrics/redis/error_reply.h"

namespace metrics::redis {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kAskEvery{100};
constexpr milliseconds kPatience{500};      // With one answer of a Sentinel.
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
  std::vector<Sentinel*> idle;
  for (Sentinel& sentinel : sentinels_) {
    if (!std::exchange(sentinel.is_asked, true)) idle.push_back(&sentinel);
  }
  for (Sentinel* const sentinel : idle) {  // All are asked before the first answers.
    Batch batch;
    batch.Add({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", options_.master_name});
    batch.Add({"SENTINEL", "MASTER", options_.master_name});
    sentinel->connection->Send(std::move(batch), now + kPatience,
                               [this, sentinel](const Result& answer) { Take(*sentinel, answer); });
  }
}

void SentinelSource::Take(Sentinel& sentinel, const Result& answer) {
  sentinel.is_asked = false;
  std::optional<Failure> problem;
  if (const auto* const failure = std::get_if<Failure>(&answer)) {
    problem = *failure;
  } else {
    const auto& replies = std::get<std::vector<Reply>>(answer);
    const Reply& address = replies[0];
    sentinel.report.reset();
    if (const auto master = EndpointFrom(address)) {
      sentinel.report = Report{*master, EpochFrom(replies[1]), steady_clock::now()};
    } else if (address.type == Reply::Type::kError) {
      problem =
          Failure{KindOfError(address.text), sentinel.connection->subject() + " answered " + QuoteError(address.text)};
    } else {
      problem = Failure{UnavailableKind::kServer, sentinel.connection->subject() + " knows no such master"};
    }
  }
  sentinel.problem = std::move(problem);
  Follow();
}

Failure SentinelSource::Unknown(const Failure& why) const {
  return {why.kind, subject_ + " is not told by any of its Sentinels: " + why.text};
}

void SentinelSource::Follow() {
  const auto is_asked = [](const Sentinel& sentinel) { return sentinel.is_asked; };
  // The first to answer may be the one that has missed the latest failover.
  if (!followed_ && std::any_of(sentinels_.begin(), sentinels_.end(), is_asked)) return;
  const Report* best = nullptr;
  for (const Sentinel& sentinel : sentinels_) {
    const auto& report = sentinel.report;
    if (!report || report->at + kRemembered < steady_clock::now()) continue;
    const bool is_newer = best == nullptr || report->epoch > best->epoch;
    if (is_newer || (report->epoch == best->epoch && report->master == followed_)) best = &*report;
  }
  if (best == nullptr) {
    if (!followed_) master_.HasNoEndpoint(Unknown(*sentinels_.front().problem));
  } else if (best->master != followed_) {
    followed_ = best->master;
    master_.UseEndpoint(best->master);
  }
}

}  // namespace metrics::redis
