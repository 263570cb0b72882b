#include "server/wire/negotiation.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>
#include <iterator>
#include <vector>

#include "server/take_until.h"

namespace server::wire {
namespace {

struct Clause {
  std::string_view type;
  std::string_view subtype;
  double q = 1;
  std::string_view as;
  std::string_view group;
  std::string_view version;
  std::string_view stream;
  std::string_view server_version;
  bool pretty = false;
};

/// Go trims blanks only, no tabs.
std::string_view TrimBlanks(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

/// As strconv.ParseFloat does, which knows no bounds; but what is not a number is 0, so that there is an order.
double ParseQ(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
  }
  double q = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), q);
  return error == std::errc{} && end == text.data() + text.size() && !std::isnan(q) ? q : 0;
}

void ApplyParameter(Clause& clause, std::string_view name, std::string_view value) {
  if (name == "q") {
    clause.q = ParseQ(value);
    return;
  }
  value = TrimBlanks(value);
  if (name == "as") {
    clause.as = value;
  } else if (name == "g") {
    clause.group = value;
  } else if (name == "v") {
    clause.version = value;
  } else if (name == "stream") {
    clause.stream = value;
  } else if (name == "sv") {
    clause.server_version = value;
  } else if (name == "pretty") {
    clause.pretty = value == "1";
  }
}

/// Nothing for a clause that is no media range.
std::optional<Clause> ParseClause(std::string_view text) {
  Clause clause;
  text = TrimBlanks(text);
  std::string_view range = TakeUntil(text, ';');
  clause.type = TrimBlanks(TakeUntil(range, '/'));
  clause.subtype = range.empty() && clause.type == "*" ? "*" : TrimBlanks(range);
  if (clause.subtype.empty() || clause.subtype.find('/') != std::string_view::npos) {
    return std::nullopt;
  }
  while (!text.empty()) {
    std::string_view value = TakeUntil(text, ';');
    const std::string_view name = TrimBlanks(TakeUntil(value, '='));
    if (!value.empty() && value.find('=') == std::string_view::npos) {
      ApplyParameter(clause, name, value);
    }
  }
  return clause;
}

/// The order of goautoneg, which is none: that of two clauses depends on which was written first.
bool ComesBefore(const Clause& a, const Clause& b) {
  return a.q > b.q || (a.type != "*" && b.type == "*") || (a.subtype != "*" && b.subtype == "*");
}

/// As Go sorts up to twelve of them; more are not worth the time that such an order would take.
void Sort(std::vector<Clause>& clauses) {
  constexpr std::size_t kMost = 12;
  if (clauses.size() > kMost) {
    std::ranges::stable_sort(clauses, std::greater<>(), &Clause::q);
    return;
  }
  for (auto sorted = clauses.begin(); sorted != clauses.end(); ++sorted) {
    for (auto clause = sorted; clause != clauses.begin() && ComesBefore(*clause, *std::prev(clause)); --clause) {
      std::iter_swap(clause, std::prev(clause));
    }
  }
}

/// Whether kube-apiserver's router lets `accept` pass, which looks at nothing but the types.
bool IsRouted(std::string_view accept) {
  constexpr auto kTypes =
      std::to_array<std::string_view>({"*/*", kJsonMediaType, "application/yaml", kProtobufMediaType});
  while (!accept.empty()) {
    std::string_view clause = TakeUntil(accept, ',');
    if (std::ranges::find(kTypes, TrimBlanks(TakeUntil(clause, ';'))) != kTypes.end()) {
      return true;
    }
  }
  return false;
}

std::optional<MediaType> Serve(const Clause& clause, const Offer& offer) {
  const auto form = std::ranges::find_if(offer.forms, [&clause](const Form& offered) {
    return offered.kind == clause.as && offered.group == clause.group && offered.version == clause.version;
  });
  const bool plain = clause.server_version.empty() && (clause.stream.empty() || clause.stream == "watch");
  if (form == offer.forms.end() || !plain) {
    return std::nullopt;
  }
  const bool application = clause.type == "application";
  if (clause.subtype == "*" ? application || clause.type == "*" : application && clause.subtype == "json") {
    return MediaType{Encoding::kJson, *form, clause.pretty};
  }
  if (form->protobuf && application && clause.subtype == "vnd.kubernetes.protobuf") {
    return MediaType{Encoding::kProtobuf, *form, clause.pretty};
  }
  return std::nullopt;
}

}  // namespace

std::optional<MediaType> Negotiate(std::string_view accept, const Offer& offer) {
  if (accept.empty()) {
    accept = "*/*";
  }
  if (offer.is_routed && !IsRouted(accept)) {
    return std::nullopt;
  }
  std::vector<Clause> clauses;
  clauses.reserve(4);
  while (!accept.empty()) {
    if (const auto clause = ParseClause(TakeUntil(accept, ','))) {
      clauses.push_back(*clause);
    }
  }
  Sort(clauses);
  for (const Clause& clause : clauses) {
    if (auto served = Serve(clause, offer)) {
      return served;
    }
  }
  return std::nullopt;
}

}  // namespace server::wire
