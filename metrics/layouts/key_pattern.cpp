#include "metrics/layouts/key_pattern.h"

namespace metrics::layouts {
namespace {

constexpr std::string_view kQueue = "{queue}";
constexpr std::string_view kWorker = "{worker}";

}  // namespace

std::string KeyOf(std::string_view pattern, std::string_view queue, std::string_view worker) {
  std::string key;
  key.reserve(pattern.size() + queue.size() + worker.size());
  while (!pattern.empty()) {
    if (pattern.substr(0, kQueue.size()) == kQueue) {
      key += queue;
      pattern.remove_prefix(kQueue.size());
    } else if (pattern.substr(0, kWorker.size()) == kWorker) {
      key += worker;
      pattern.remove_prefix(kWorker.size());
    } else {
      const std::string_view literal = pattern.substr(0, pattern.find('{', 1));
      key += literal;
      pattern.remove_prefix(literal.size());
    }
  }
  return key;
}

}  // namespace metrics::layouts
