#include "server/wire/negotiation.h"

#include <algorithm>
#include <charconv>

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

  int Specificity() const { return subtype != "*" ? 2 : type != "*" ? 1 : 0; }
};

/// Go trims blanks only, no tabs.
std::string_view TrimBlanks(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

double ParseQ(std::string_view text) {
  double q = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), q);
  const bool valid = error == std::errc{} && end == text.data() + text.size() && q >= 0 && q <= 1;
  return valid ? q : 0;
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

std::optional<MediaType> Serve(const Clause& clause, const Offer& offer) {
  const auto form = std::ranges::find_if(offer.forms, [&clause](const Form& offered) {
    return offered.kind == clause.as && offered.group == clause.group && offered.version == clause.version;
  });
  const bool plain = clause.server_version.empty() && (clause.stream.empty() || clause.stream == "watch");
  if (form == offer.forms.end() || !plain) {
    return std::nullopt;
  }
  const bool application = clause.type == "application";
  const bool any = clause.subtype == "*" && (clause.type == "*" || (application && offer.subtype_wildcard));
  if (any || (application && clause.subtype == "json")) {
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
  std::optional<MediaType> best;
  double best_q = 0;
  int best_specificity = 0;
  while (!accept.empty()) {
    const std::optional<Clause> clause = ParseClause(TakeUntil(accept, ','));
    if (!clause) {
      continue;
    }
    const bool better =
        !best || clause->q > best_q || (clause->q == best_q && clause->Specificity() > best_specificity);
    if (!better) {
      continue;
    }
    if (const auto served = Serve(*clause, offer)) {
      best = served;
      best_q = clause->q;
      best_specificity = clause->Specificity();
    }
  }
  return best;
}

}  // namespace server::wire
