// Any object that kube-apiserver may hand us as an HPA, its annotations written by whoever may write one, is left
// alone, told what is wrong with it, or understood within bounds.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "server/kube/api.h"
#include "server/zero/managed_hpa.h"
#include "test/fuzz/fuzzing.h"

using fuzzing::Require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto json = server::kube::Json::Parse(fuzzing::Text(data, size));
  if (!json) return 0;
  const std::array<std::string, 1> ours{"redis_queue_length"};
  const auto hpa = server::zero::ParseManagedHpa(*json, ours);
  if (!hpa) return 0;
  for (const auto& problem : hpa->problems) Require(!problem.empty());
  if (!hpa->problems.empty()) return 0;
  Require(hpa->settings.cool_down.count() >= 0 && hpa->settings.activation_threshold >= 0);
  Require(!hpa->first_step || *hpa->first_step >= 0);
  for (const char c : hpa->target.api_version) Require(c > ' ' && c <= '~');
  for (const auto& queue : hpa->queues) Require(queue.metric == ours[0] && queue.target_milli > 0);
  return 0;
}
