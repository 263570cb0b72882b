// What can be told of a certificate by looking at it. All in PEM; where a text holds several, of the first.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace server::http {

/// Each certificate of `bundle` by itself, in one and the same spelling. None if it holds none, or anything broken.
std::vector<std::string> SplitCertificates(const std::string& bundle);

struct Validity {
  std::chrono::system_clock::time_point not_before;
  std::chrono::system_clock::time_point not_after;
};

/// Throws std::runtime_error for what is no certificate.
Validity ValidityOf(const std::string& certificate);

/// False also if either of them is broken.
bool KeyFits(const std::string& certificate, const std::string& private_key);

/// The signature was checked; the times were not. False also if either of them is broken.
bool IsIssuedBy(const std::string& certificate, const std::string& authority);

/// Good for every one of `hosts`, which are DNS names and IP addresses. False also for what is no certificate.
bool IsForHosts(const std::string& certificate, const std::vector<std::string>& hosts);

}  // namespace server::http
