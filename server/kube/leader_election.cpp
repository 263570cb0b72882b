#include "server/kube/leader_election.h"

#include <algorithm>
#include <utility>

#include "server/kube/pause.h"
#include "server/wire/json_writer.h"
#include "server/wire/timestamp.h"

namespace server::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr seconds kResignTimeout{2};

}  // namespace

LeaderElection::LeaderElection(std::shared_ptr<Api> api, LeaderElectionOptions options, Listener listener)
    : api_(std::move(api)),
      options_(std::move(options)),
      listener_(std::move(listener)),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

LeaderElection::~LeaderElection() {
  thread_.request_stop();
  thread_.join();
  if (writes_ || observed_.holder == options_.identity) {
    Resign();
  }
}

Deadline LeaderElection::LeadsUntil() const {
  const std::lock_guard lock(mutex_);
  return leads_until_;
}

void LeaderElection::SetLeadsUntil(Deadline until) {
  const std::lock_guard lock(mutex_);
  leads_until_ = until;
}

void LeaderElection::Run(const std::stop_token& stop) {
  do {
    try {
      Attempt(stop);
    } catch (const std::exception& error) {
      if (stop.stop_requested()) {
        return;
      }
      listener_.on_failure(error.what());
    }
  } while (Pause(UntilNextAttempt(), stop));
}

void LeaderElection::Attempt(const std::stop_token& stop) {
  const auto begin = steady_clock::now();
  const Deadline deadline = begin + options_.renew_deadline / 2;
  const Record found = Read(deadline, stop);
  if (found.version != observed_.version) {
    Observe(found);
  }
  const bool ours = found.holder == options_.identity;
  if (!found.holder.empty() && !ours) {
    SetLeadsUntil({});
    if (steady_clock::now() < observed_at_ + found.duration) {
      return;
    }
  }
  Record wanted = found;
  wanted.holder = options_.identity;
  wanted.duration = options_.lease_duration;
  if (!ours) {
    wanted.acquired = wire::MicroTime(std::chrono::system_clock::now());
    wanted.transitions = found.version.empty() ? 0 : found.transitions + 1;
  }
  const auto sent = steady_clock::now();
  writes_ = true;
  const bool written = Write(wanted, deadline, stop);
  writes_ = false;
  if (written) {
    SetLeadsUntil(sent + options_.renew_deadline);
  }
}

void LeaderElection::Resign() try {
  const Deadline deadline = steady_clock::now() + kResignTimeout;
  Record record = Read(deadline, {});
  if (record.holder == options_.identity) {
    record.holder.clear();
    record.duration = seconds(1);  // A duration must be positive.
    Write(record, deadline, {});
  }
} catch (const std::exception& error) {
  listener_.on_failure(error.what());
}

LeaderElection::Record LeaderElection::Read(Deadline deadline, const std::stop_token& stop) {
  const std::string path = "/apis/coordination.k8s.io/v1/namespaces/" + options_.ns + "/leases/" + options_.name;
  const ApiResponse response = api_->Send({.method = "GET", .path = path, .body = {}}, deadline, stop);
  if (response.status == kNotFound) {
    return {};
  }
  return Parse(ObjectIn(response));
}

bool LeaderElection::Write(const Record& record, Deadline deadline, const std::stop_token& stop) {
  const std::string now = wire::MicroTime(std::chrono::system_clock::now());
  std::string body;
  wire::JsonWriter json(body, wire::JsonStyle::kCompact);
  json.BeginObject();
  json.Member("kind", "Lease");
  json.Member("apiVersion", "coordination.k8s.io/v1");
  json.Key("metadata");
  json.BeginObject();
  json.Member("name", options_.name);
  json.Member("namespace", options_.ns);
  if (!record.version.empty()) {
    json.Member("resourceVersion", record.version);
  }
  json.EndObject();
  json.Key("spec");
  json.BeginObject();
  json.Member("holderIdentity", record.holder);
  json.Key("leaseDurationSeconds");
  json.Int(record.duration.count());
  json.Member("acquireTime", record.acquired);
  json.Member("renewTime", now);
  json.Key("leaseTransitions");
  json.Int(record.transitions);
  json.EndObject();
  json.EndObject();

  const std::string collection = "/apis/coordination.k8s.io/v1/namespaces/" + options_.ns + "/leases";
  const bool is_new = record.version.empty();
  const ApiResponse response = api_->Send({.method = is_new ? "POST" : "PUT",
                                           .path = is_new ? collection : collection + "/" + options_.name,
                                           .body = std::move(body)},
                                          deadline, stop);
  if (response.status == kConflict) {
    return false;
  }
  Observe(Parse(ObjectIn(response)));
  return true;
}

void LeaderElection::Observe(const Record& record) {
  observed_ = record;
  observed_at_ = steady_clock::now();
  if (record.holder != told_leader_ && !record.holder.empty()) {
    told_leader_ = record.holder;
    listener_.on_leader(record.holder);
  }
}

/// Others' Leases are looked at the moment they end.
milliseconds LeaderElection::UntilNextAttempt() const {
  const milliseconds retry = Jittered(options_.retry_period);
  if (observed_.holder.empty() || observed_.holder == options_.identity) {
    return retry;
  }
  const auto end = std::chrono::ceil<milliseconds>(observed_at_ + observed_.duration - steady_clock::now());
  return end > milliseconds(0) ? std::min(retry, end) : retry;
}

LeaderElection::Record LeaderElection::Parse(const Json& lease) {
  const Json spec = lease["spec"];
  return {.version = lease["metadata"]["resourceVersion"].String(),
          .holder = spec["holderIdentity"].String(),
          .acquired = spec["acquireTime"].String(),
          .transitions = spec["leaseTransitions"].Int().value_or(0),
          .duration = seconds(spec["leaseDurationSeconds"].Int().value_or(0))};
}

}  // namespace server::kube
