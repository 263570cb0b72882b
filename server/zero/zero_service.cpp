#include "server/zero/zero_service.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <random>
#include <utility>

#include <unistd.h>

#include "server/kube/pause.h"

namespace server::zero {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kRound{1000};
// Who does not lead looks more often whether it does by now.
constexpr milliseconds kIdleRound{200};

/// The pod's name, and something new with each start, as client-go makes it.
std::string MakeIdentity() {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  std::random_device random;
  std::array<char, 24> suffix{};
  std::snprintf(suffix.data(), suffix.size(), "_%08x%08x", random(), random());
  return std::string(host.data()) + suffix.data();
}

}  // namespace

ZeroService::ZeroService(const std::shared_ptr<kube::Api>& api, const std::string& ns, ZeroQueues queues,
                         ZeroObserver& observer)
    : ZeroService(api, ns, MakeIdentity(), std::move(queues), observer) {}

ZeroService::ZeroService(const std::shared_ptr<kube::Api>& api, const std::string& ns, const std::string& identity,
                         ZeroQueues queues, ZeroObserver& observer)
    : election_(
          api, {.ns = ns, .name = "queue-metrics-leader", .identity = identity},
          {.on_leader = [&observer](std::string_view holder) { observer.OnLeader(holder); },
           .on_failure = [&observer](std::string_view cause) { observer.OnTrouble("cannot keep the Lease", cause); }}),
      events_(api, "queue-metrics-server", identity,
              [&observer](std::string_view cause) { observer.OnTrouble("cannot write an event", cause); }),
      controller_({.api = api,
                   .read = std::move(queues.read),
                   .read_holders = std::move(queues.read_holders),
                   .leads_until = [this] { return election_.LeadsUntil(); },
                   .add_event = [this](kube::ObjectReference about,
                                       kube::EventText text) { events_.Add(std::move(about), std::move(text)); },
                   .our_metrics = std::move(queues.metrics)},
                  observer),
      watch_(api, {.path = "/apis/autoscaling/v2/horizontalpodautoscalers", .selector = {}},
             {.on_list = [this] { controller_.OnList(); },
              .on_object = [this](const kube::Json& hpa, bool gone) { controller_.OnHpa(hpa, gone); },
              .on_listed = [this] { controller_.OnListed(); },
              .on_failure = [this](std::string_view cause) { controller_.OnWatchFailure(cause); }}),
      rounds_([this](const std::stop_token& stop) {
        milliseconds wait{0};
        while (kube::Pause(wait, stop)) {
          const auto begin = steady_clock::now();
          controller_.Round(stop);
          const auto period = election_.LeadsUntil() > begin ? kRound : kIdleRound;
          wait = std::chrono::ceil<milliseconds>(
              std::max(begin + period - steady_clock::now(), steady_clock::duration(0)));
        }
      }) {}

}  // namespace server::zero
