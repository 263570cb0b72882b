// A metav1.MicroTime, as Leases and Events carry it.
#pragma once

#include <chrono>
#include <string>

namespace server::kube {

/// "2026-11-24T06:55:48.123456Z"
std::string MicroTime(std::chrono::system_clock::time_point time);

}  // namespace server::kube
