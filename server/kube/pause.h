// Waiting between attempts, for threads that may have to end meanwhile.
#pragma once

#include <chrono>
#include <stop_token>

namespace server::kube {

/// False when stop was requested meanwhile.
bool Pause(std::chrono::milliseconds duration, const std::stop_token& stop);

/// 80 to 120 %, lest all replicas come at the same moment.
std::chrono::milliseconds Jittered(std::chrono::milliseconds duration);

}  // namespace server::kube
