#include "server/certificates/self_managed_certificate.h"

#include <algorithm>
#include <utility>

#include "server/kube/pause.h"

namespace server::certificates {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstWait{500};
constexpr milliseconds kInterval{30'000};
// What is new has settled only after every replica has looked several times.
constexpr int kLooksToSettle = 5;

}  // namespace

SelfManagedCertificate::SelfManagedCertificate(std::shared_ptr<kube::Api> api, CertificateKeeper::Options options,
                                               std::function<void(std::string_view cause)> on_failure)
    : keeper_(std::move(api), options),
      interval_(std::min<milliseconds>(kInterval, milliseconds(options.policy.settling()) / kLooksToSettle)),
      on_failure_(std::move(on_failure)),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

std::optional<std::string> SelfManagedCertificate::Problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

void SelfManagedCertificate::Run(const std::stop_token& stop) {
  milliseconds wait = kFirstWait;
  milliseconds pause{};
  do {
    const bool in_order = Look(stop);
    pause = in_order ? interval_ : wait;
    wait = in_order ? kFirstWait : std::min(wait * 2, interval_);
  } while (kube::Pause(kube::Jittered(pause), stop));
}

bool SelfManagedCertificate::Look(const std::stop_token& stop) {
  std::optional<std::string> problem;
  try {
    keeper_.Look(stop);
  } catch (const std::exception& error) {
    if (stop.stop_requested()) {
      return false;
    }
    problem = error.what();
    on_failure_(*problem);
  }
  const std::lock_guard lock(mutex_);
  problem_ = problem;
  return !problem;
}

}  // namespace server::certificates
