#include "metrics/queue_layouts.h"

#include <algorithm>
#include <array>

#include "metrics/layouts/by_type.h"

namespace metrics {
namespace {

template <typename Layout>
std::unique_ptr<const QueueLayout> MakePlain(const LayoutOptions& /*options*/) {
  return std::make_unique<Layout>();
}

const auto kKinds = std::to_array<LayoutKind>({
    {"by-type", {}, &MakePlain<layouts::ByType>},
});

}  // namespace

std::span<const LayoutKind> LayoutKinds() { return kKinds; }

const LayoutKind* FindLayoutKind(std::string_view name) {
  const auto* const found =
      std::find_if(kKinds.begin(), kKinds.end(), [name](const LayoutKind& kind) { return kind.name == name; });
  return found == kKinds.end() ? nullptr : found;
}

std::string LayoutNames() {
  std::string names;
  for (const LayoutKind& kind : kKinds) names += (names.empty() ? "" : ", ") + std::string(kind.name);
  return names;
}

}  // namespace metrics
