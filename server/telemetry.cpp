#include "server/telemetry.h"

#include <algorithm>
#include <array>
#include <compare>
#include <fstream>
#include <map>
#include <mutex>

#include <dirent.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>

namespace server {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;

double Seconds(std::chrono::nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }

/// Finer than apiserver's at the low end: an answer takes a tenth of a millisecond.
const Histogram::BucketBoundaries& DurationBuckets() {
  static const Histogram::BucketBoundaries buckets{0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                                   0.025,   0.05,   0.1,     0.25,   0.5,   1,      2.5,   5};
  return buckets;
}

/// The verbs of Kubernetes' request attributes and the methods of other paths; what else a client may think of is one.
std::string KnownVerb(std::string_view verb) {
  constexpr auto kVerbs =
      std::to_array<std::string_view>({"get", "list", "watch", "create", "update", "patch", "delete",
                                       "deletecollection", "head", "post", "put", "options"});
  return std::find(kVerbs.begin(), kVerbs.end(), verb) == kVerbs.end() ? "other" : std::string(verb);
}

double ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  double total_pages = 0;
  double resident_pages = 0;
  statm >> total_pages >> resident_pages;
  return resident_pages * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double OpenDescriptors() {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir("/proc/self/fd"), &closedir);
  double count = -3;  // ".", ".." and the descriptor of this very listing.
  while (directory && readdir(directory.get()) != nullptr) {
    ++count;
  }
  return count;
}

template <typename Builder>
auto& Make(prometheus::Registry& registry, Builder builder, const char* name, const char* help) {
  return builder.Name(name).Help(help).Register(registry);
}

}  // namespace

/// What one kind of request is counted in.
struct RequestKind {
  std::string verb;
  std::string metric;
  int code;

  auto operator<=>(const RequestKind&) const = default;
};

struct RequestSeries {
  Histogram* duration;
  Counter* count;
};

struct Telemetry::Families {
  prometheus::Registry registry;

  Family<Counter>& requests = Make(registry, prometheus::BuildCounter(), "apiserver_request_total",
                                   "Requests answered, by verb, metric and HTTP code.");
  Family<Histogram>& request_duration =
      Make(registry, prometheus::BuildHistogram(), "apiserver_request_duration_seconds",
           "Time from a complete request to its answer, by verb and metric.");
  Family<Counter>& rejected = Make(registry, prometheus::BuildCounter(), "queue_metrics_rejected_requests_total",
                                   "Requests refused before they were read: malformed or too large, by HTTP code.");
  Gauge& open_connections =
      Make(registry, prometheus::BuildGauge(), "queue_metrics_open_connections", "Client connections now open.")
          .Add({});
  Counter& shed = Make(registry, prometheus::BuildCounter(), "queue_metrics_connections_shed_total",
                       "Connections closed to make room for others.")
                      .Add({});
  Counter& handshake_errors =
      Make(registry, prometheus::BuildCounter(), "apiserver_tls_handshake_errors_total", "TLS handshakes that failed.")
          .Add({});
  Gauge& certificate_end =
      Make(registry, prometheus::BuildGauge(), "queue_metrics_serving_certificate_expiration_timestamp_seconds",
           "When the serving certificate ends, in seconds since the epoch.")
          .Add({});
  Counter& certificate_problems =
      Make(registry, prometheus::BuildCounter(), "queue_metrics_certificate_reload_errors_total",
           "Changes of the certificate files that could not be taken into use.")
          .Add({});
  Counter& shared_certificate_problems =
      Make(registry, prometheus::BuildCounter(), "queue_metrics_shared_certificate_errors_total",
           "Looks after which the shared certificate or the APIService's caBundle was not in order.")
          .Add({});
  Family<Gauge>& config_up_to_date =
      Make(registry, prometheus::BuildGauge(), "queue_metrics_config_up_to_date",
           "1 while the configuration file is in use as it is, 0 while it has a problem and an older one is in use.");
  Counter& config_problems = Make(registry, prometheus::BuildCounter(), "queue_metrics_config_reload_errors_total",
                                  "Changes of the configuration file that could not be taken into use.")
                                 .Add({});
  Family<Histogram>& round_trips =
      Make(registry, prometheus::BuildHistogram(), "queue_metrics_redis_round_trip_seconds",
           "Time of one pipelined round trip, by Redis source.");
  Family<Counter>& redis_errors = Make(registry, prometheus::BuildCounter(), "queue_metrics_redis_errors_total",
                                       "Reads that gave no value, by Redis source and kind of error.");
  Family<Gauge>& redis_up =
      Make(registry, prometheus::BuildGauge(), "queue_metrics_redis_up", "1 while the Redis source answers, else 0.");
  Gauge& start_time = Make(registry, prometheus::BuildGauge(), "process_start_time_seconds",
                           "When this process started, in seconds since the epoch.")
                          .Add({});
  Gauge& resident =
      Make(registry, prometheus::BuildGauge(), "process_resident_memory_bytes", "Resident memory of this process.")
          .Add({});
  Gauge& descriptors =
      Make(registry, prometheus::BuildGauge(), "process_open_fds", "Open file descriptors of this process.").Add({});

  // The library looks a series up by hashing its labels, which costs more than the rest of a count.
  std::mutex mutex;
  std::map<RequestKind, RequestSeries> request_series;                   // Guarded by mutex.
  std::map<std::string, Histogram*, std::less<>> round_trips_by_source;  // Guarded by mutex.

  RequestSeries SeriesOf(const RequestKind& kind) {
    const std::lock_guard lock(mutex);
    auto found = request_series.find(kind);
    if (found == request_series.end()) {
      prometheus::Labels labels{{"verb", kind.verb}, {"resource", kind.metric}};
      Histogram& duration = request_duration.Add(labels, DurationBuckets());
      labels.emplace("code", std::to_string(kind.code));
      // Only now, since any of the above may find no memory.
      found = request_series.emplace(kind, RequestSeries{&duration, &requests.Add(labels)}).first;
    }
    return found->second;
  }

  Histogram& RoundTripsOf(std::string_view source) {
    const std::lock_guard lock(mutex);
    auto found = round_trips_by_source.find(source);
    if (found == round_trips_by_source.end()) {
      Histogram& histogram = round_trips.Add({{"source", std::string(source)}}, DurationBuckets());
      found = round_trips_by_source.emplace(source, &histogram).first;
    }
    return *found->second;
  }
};

Telemetry::Telemetry(std::string_view version) : families_(std::make_unique<Families>()) {
  Make(families_->registry, prometheus::BuildGauge(), "queue_metrics_build_info", "1, labelled with what was built.")
      .Add({{"version", std::string(version)}})
      .Set(1);
  families_->start_time.SetToCurrentTime();
}

Telemetry::~Telemetry() = default;

void Telemetry::OnCertificate(std::chrono::system_clock::time_point not_after) {
  families_->certificate_end.Set(Seconds(not_after.time_since_epoch()));
}

void Telemetry::OnCertificateProblem() { families_->certificate_problems.Increment(); }

void Telemetry::OnSharedCertificateProblem() { families_->shared_certificate_problems.Increment(); }

void Telemetry::OnConfiguration(bool up_to_date) {
  families_->config_up_to_date.Add({}).Set(up_to_date ? 1 : 0);
  if (!up_to_date) {
    families_->config_problems.Increment();
  }
}

void Telemetry::OnRedisGone(std::string_view source) {
  families_->redis_up.Remove(&families_->redis_up.Add({{"source", std::string(source)}}));
}

void Telemetry::OnRequest(std::string_view verb, std::string_view metric, int code, std::chrono::nanoseconds duration) {
  const RequestSeries series = families_->SeriesOf({KnownVerb(verb), std::string(metric), code});
  series.duration->Observe(Seconds(duration));
  series.count->Increment();
}

void Telemetry::OnOpenConnections(std::size_t count) { families_->open_connections.Set(static_cast<double>(count)); }

void Telemetry::OnShed() { families_->shed.Increment(); }

void Telemetry::OnHandshakeError() { families_->handshake_errors.Increment(); }

void Telemetry::OnRejectedHead(int status) { families_->rejected.Add({{"code", std::to_string(status)}}).Increment(); }

void Telemetry::OnRoundTrip(std::string_view source, std::chrono::nanoseconds duration) {
  families_->RoundTripsOf(source).Observe(Seconds(duration));
}

void Telemetry::OnError(std::string_view source, std::string_view /*queues*/, metrics::UnavailableKind kind,
                        std::string_view /*cause*/) {
  families_->redis_errors.Add({{"source", std::string(source)}, {"kind", std::string(metrics::Name(kind))}})
      .Increment();
}

void Telemetry::OnConnectionChange(std::string_view source, bool up, std::string_view /*cause*/) {
  families_->redis_up.Add({{"source", std::string(source)}}).Set(up ? 1 : 0);
}

std::string Telemetry::Render() const {
  families_->resident.Set(ResidentBytes());
  families_->descriptors.Set(OpenDescriptors());
  return prometheus::TextSerializer().Serialize(families_->registry.Collect());
}

}  // namespace server
