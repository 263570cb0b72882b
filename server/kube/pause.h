// Waiting before the next try, for the threads that follow something in the cluster.
#pragma once

#include <chrono>
#include <stop_token>

namespace server::kube {

/// False when stop was requested meanwhile, which ends the wait at once.
bool Pause(std::chrono::milliseconds duration, const std::stop_token& stop);

/// 80 to 120 %, lest all replicas come at the same moment. Any thread.
std::chrono::milliseconds Jittered(std::chrono::milliseconds duration);

}  // namespace server::kube
