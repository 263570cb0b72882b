#include "metrics/layouts/reliable_list.h"

#include "metrics/layouts/preset.h"

namespace metrics::layouts {
namespace {

std::vector<Registry> RegistriesOf(const ReliableListOptions& options) {
  if (options.workers.empty()) return {};
  const auto ask_names = [key = options.workers, type = options.workers_type](const QueueRead& read,
                                                                              redis::Batch& batch) {
    const std::string workers = KeyOf(key, read.queue);
    switch (type) {
      case ReliableListOptions::Registry::kSet:
        return batch.Add({"SRANDMEMBER", workers, kMaxNamesAndOne});
      case ReliableListOptions::Registry::kSortedSet:
        return batch.Add({"ZRANGE", workers, "0", "1000"});
      case ReliableListOptions::Registry::kHash:
        return batch.Add({"HRANDFIELD", workers, kMaxNamesAndOne});
    }
  };
  const auto ask = [key = options.worker_processing](std::string_view queue, std::string_view worker,
                                                     redis::Batch& batch) {
    batch.Add({"LLEN", KeyOf(key, queue, worker)});
  };
  const auto entry = [key = options.worker_processing](std::string_view queue, std::string_view worker,
                                                       ReplyCursor& cursor) {
    return Entry{cursor.Count("LLEN", KeyOf(key, queue, worker)), std::string(worker)};
  };
  return {{.names = "workers",
           .has_holders = true,
           .part = &QueueParts::in_flight,
           .count = &QueueCounts::in_flight,
           .ask_names = ask_names,
           .ask = ask,
           .entry = entry}};
}

std::unique_ptr<const QueueLayout> ListsOf(const ReliableListOptions& options) {
  Preset::Keys keys{.waiting = {{"LLEN", options.waiting}}};
  for (const std::string& list : options.processing) keys.in_flight.push_back({"LLEN", list});
  if (!options.delayed.empty()) keys.delayed.push_back({options.delayed, options.delayed_unit});
  return std::make_unique<Preset>(std::move(keys));
}

}  // namespace

ReliableList::ReliableList(const ReliableListOptions& options) : Registered(RegistriesOf(options), ListsOf(options)) {}

}  // namespace metrics::layouts
