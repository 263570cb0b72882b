// Times as Kubernetes' API writes them: RFC 3339 in UTC.
#pragma once

#include <chrono>
#include <string>

namespace server::wire {

/// A metav1.Time: "2026-11-24T00:14:32Z".
std::string Timestamp(std::chrono::sys_seconds time);

/// A metav1.MicroTime, as Leases carry it: "2026-11-24T06:55:48.123456Z".
std::string MicroTime(std::chrono::system_clock::time_point time);

}  // namespace server::wire
