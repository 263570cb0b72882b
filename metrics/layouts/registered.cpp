#include "metrics/layouts/registered.h"

#include <algorithm>
#include <utility>

#include "metrics/layouts/preset.h"
#include "metrics/metric_provider.h"

namespace metrics::layouts {
namespace {

bool Contains(std::vector<std::string_view> known, std::vector<std::string_view> names) {
  std::sort(known.begin(), known.end());
  std::sort(names.begin(), names.end());
  return std::includes(known.begin(), known.end(), names.begin(), names.end());
}

}  // namespace

QueueParts Registered::Offers() const {
  QueueParts parts = rest_->Offers();
  for (const Registry& registry : registries_) {
    parts.*registry.part = true;
    parts.holders = parts.holders || registry.are_holders;
  }
  return parts;
}

void Registered::Ask(const QueueRead& read, redis::Batch& batch) const { AskRound(read, {}, batch); }

std::optional<QueueCounts> Registered::Count(const QueueRead& read, std::span<const redis::Reply> replies,
                                             redis::Batch& more) const {
  constexpr int kRounds = 8;
  const std::vector<const Registry*> wanted = Wanted(read);
  redis::Batch rest;
  rest_->Ask(read, rest);
  Names known(wanted.size());
  for (int round = 1; round <= kRounds; ++round) {
    if (replies.empty()) {
      AskRound(read, known, more);
      return std::nullopt;
    }
    ReplyCursor cursor(replies);
    QueueCounts found;
    Names names;
    bool complete = true;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      for (const std::string_view name : known[i]) {
        const std::int64_t jobs = wanted[i]->jobs(read.queue, name, cursor);
        found.*wanted[i]->count += jobs;
        if (jobs > 0 && read.wanted.holders && wanted[i]->are_holders) found.holders.emplace_back(name);
      }
      const auto& now = names.emplace_back(cursor.Texts("the reading", wanted[i]->names));
      if (now.size() > Registry::kMaxNames) RejectTooMany(Registry::kMaxNames, wanted[i]->names);
      complete = complete && Contains(known[i], now);
    }
    replies = replies.last(cursor.Remaining());
    if (complete) {
      auto counts = rest_->Count(read, replies, more);
      if (!counts) return std::nullopt;
      for (const Registry* registry : wanted) *counts.*registry->count += found.*registry->count;
      counts->holders = std::move(found.holders);
      return counts;
    }
    replies = replies.subspan(rest.size());
    known = std::move(names);
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
