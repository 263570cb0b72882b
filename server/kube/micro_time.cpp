#include "server/kube/micro_time.h"

#include <array>
#include <cstdio>
#include <ctime>

namespace server::kube {

std::string MicroTime(std::chrono::system_clock::time_point time) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(time);
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(time - whole).count();
  const std::time_t since_epoch = std::chrono::system_clock::to_time_t(whole);
  std::tm utc{};
  gmtime_r(&since_epoch, &utc);
  std::array<char, 64> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(text.data() + size, text.size() - size, ".%06ldZ", static_cast<long>(micros));
  return text.data();
}

}  // namespace server::kube
