#include "server/zero_report.h"

#include <chrono>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace server {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;

struct ZeroReport::Families {
  prometheus::Registry registry;
  Family<Counter>& acts =
      prometheus::BuildCounter()
          .Name("queue_metrics_zero_acts_total")
          .Help(
              "What was done about targets at zero, by action and result; nothing is an HPA that was left alone, "
              "and spare-busy is counted where it failed.")
          .Register(registry);
  Family<Gauge>& hpas =
      prometheus::BuildGauge()
          .Name("queue_metrics_zero_hpas")
          .Help("HPAs that ask for help with zero, by what is known of them; 0 unless this replica leads.")
          .Register(registry);
  Gauge& managed = hpas.Add({{"state", "managed"}});
  Gauge& asleep = hpas.Add({{"state", "asleep"}});
  Gauge& in_doubt = hpas.Add({{"state", "in_doubt"}});
  Gauge& misconfigured = hpas.Add({{"state", "misconfigured"}});
  Gauge& leading = prometheus::BuildGauge()
                       .Name("queue_metrics_zero_leading")
                       .Help("1 while this replica is the one that acts.")
                       .Register(registry)
                       .Add({});
  Histogram& reading =
      prometheus::BuildHistogram()
          .Name("queue_metrics_zero_reading_seconds")
          .Help("Time to read the queues of all HPAs, once a second.")
          .Register(registry)
          .Add({}, Histogram::BucketBoundaries{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1});
  Family<Counter>& troubles =
      prometheus::BuildCounter()
          .Name("queue_metrics_zero_troubles_total")
          .Help("Failures beside the acts themselves: the watch of the HPAs, the Lease, events.")
          .Register(registry);
  Counter& trouble = troubles.Add({});
};

ZeroReport::ZeroReport() : families_(std::make_unique<Families>()) {}

ZeroReport::~ZeroReport() = default;

void ZeroReport::OnAct(const zero::Act& act) {
  families_->acts.Add({{"action", std::string(Name(act.action))}, {"result", act.failed ? "failed" : "done"}})
      .Increment();
  if (!act.failed) {
    Log(LogLevel::kInfo, "helped an HPA with zero",
        {{"action", Name(act.action)}, {"namespace", act.hpa.ns}, {"hpa", act.hpa.name}, {"text", act.text}});
    return;
  }
  std::uint64_t suppressed = 0;
  if (limiter_.Allow("could not " + std::string(Name(act.action)), suppressed)) {
    Log(LogLevel::kWarning, "could not help an HPA with zero",
        {{"action", Name(act.action)},
         {"namespace", act.hpa.ns},
         {"hpa", act.hpa.name},
         {"text", act.text},
         {"suppressed", std::to_string(suppressed)}});
  }
}

void ZeroReport::OnRound(const zero::RoundSummary& summary) {
  families_->managed.Set(static_cast<double>(summary.managed));
  families_->asleep.Set(static_cast<double>(summary.asleep));
  families_->in_doubt.Set(static_cast<double>(summary.in_doubt));
  families_->misconfigured.Set(static_cast<double>(summary.misconfigured));
  if (summary.managed > 0) {
    families_->reading.Observe(std::chrono::duration<double>(summary.reading).count());
  }
}

void ZeroReport::OnLeading(bool leading) { families_->leading.Set(leading ? 1 : 0); }

void ZeroReport::OnLeader(std::string_view holder) {
  Log(LogLevel::kInfo, "another leader looks after zero", {{"holder", holder}});
}

void ZeroReport::OnTrouble(std::string_view what, std::string_view cause) {
  families_->trouble.Increment();
  std::uint64_t suppressed = 0;
  if (limiter_.Allow(std::string(what), suppressed)) {
    Log(LogLevel::kWarning, what, {{"cause", cause}, {"suppressed", std::to_string(suppressed)}});
  }
}

std::string ZeroReport::Render() const { return prometheus::TextSerializer().Serialize(families_->registry.Collect()); }

}  // namespace server
