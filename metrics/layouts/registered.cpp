#include "metrics/layouts/registered.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "metrics/layouts/preset.h"
#include "metrics/metric_provider.h"

namespace metrics::layouts {
namespace {

/// Adds those of `names` that are new to `known`, and says whether any was.
bool AddNew(const std::vector<std::string_view>& names, std::vector<std::string_view>& known) {
  const std::size_t before = known.size();
  std::set<std::string_view> all(known.begin(), known.end());
  std::copy_if(names.begin(), names.end(), std::back_inserter(known),
               [&all](std::string_view name) { return all.insert(name).second; });
  return known.size() > before;
}

}  // namespace

QueueParts Registered::Offers() const {
  QueueParts parts = rest_->Offers();
  for (const Registry& registry : registries_) {
    parts.*registry.part = true;
    parts.holders = parts.holders || registry.has_holders;
  }
  return parts;
}

void Registered::Ask(const QueueRead& read, redis::Batch& batch) const { AskRound(read, {}, batch); }

std::optional<QueueCounts> Registered::Count(const QueueRead& read, Replies replies, redis::Batch& more) const {
  constexpr int kRounds = 8;
  const std::vector<const Registry*> wanted = Wanted(read);
  redis::Batch rest;
  rest_->Ask(read, rest);
  Names known(wanted.size());
  for (int round = 1; round <= kRounds; ++round) {
    if (round > 1 && replies.empty()) {
      AskRound(read, known, more);
      return std::nullopt;
    }
    ReplyCursor cursor(replies);
    QueueCounts found;
    bool complete = true;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      for (const std::string_view name : known[i]) {
        Entry entry = wanted[i]->entry(read.queue, name, cursor);
        if (wanted[i]->count != nullptr) found.*wanted[i]->count += entry.jobs;
        found.oldest_age = std::max(found.oldest_age, AgeSince(entry.since, read.now));
        if (read.wanted.holders && entry.jobs > 0 && !entry.holder.empty()) {
          found.holders.push_back(std::move(entry.holder));
        }
      }
      const auto names = cursor.Texts("the reading", wanted[i]->names);
      if (names.size() > Registry::kMaxNames) RejectTooMany(Registry::kMaxNames, wanted[i]->names);
      if (AddNew(names, known[i])) complete = false;
    }
    replies = replies.last(cursor.Remaining());
    if (complete) {
      auto counts = rest_->Count(read, replies, more);
      if (!counts) return std::nullopt;
      for (const Registry* registry : wanted) {
        if (registry->count != nullptr) *counts.*registry->count += found.*registry->count;
      }
      counts->oldest_age = std::max(counts->oldest_age, found.oldest_age);
      counts->holders = std::move(found.holders);
      return counts;
    }
    replies = replies.subspan(rest.size());
  }
  throw MetricUnavailableError(UnavailableKind::kServer, "the registry of " + std::string(wanted.front()->names) +
                                                             " changes faster than it can be read");
}

std::vector<const Registry*> Registered::Wanted(const QueueRead& read) const {
  std::vector<const Registry*> wanted;
  for (const Registry& registry : registries_) {
    if (read.wanted.*registry.part) wanted.push_back(&registry);
  }
  return wanted;
}

void Registered::AskRound(const QueueRead& read, const Names& known, redis::Batch& batch) const {
  const std::vector<const Registry*> wanted = Wanted(read);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (!known.empty()) {
      for (const std::string_view name : known[i]) wanted[i]->ask(read.queue, name, batch);
    }
    wanted[i]->ask_names(read, batch);
  }
  rest_->Ask(read, batch);
}

}  // namespace metrics::layouts
