#include "server/kube/pause.h"

#include <condition_variable>
#include <mutex>
#include <random>

namespace server::kube {

bool Pause(std::chrono::milliseconds duration, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, duration, [] { return false; });
  return !stop.stop_requested();
}

std::chrono::milliseconds Jittered(std::chrono::milliseconds duration) {
  static thread_local std::minstd_rand random{std::random_device{}()};
  return duration * std::uniform_int_distribution(80, 120)(random) / 100;
}

}  // namespace server::kube
