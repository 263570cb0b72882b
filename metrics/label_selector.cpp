#include "metrics/label_selector.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <system_error>
#include <utility>

#include "metrics/go_quote.h"

namespace metrics {
namespace {

using Operator = LabelSelector::Operator;
using Requirement = LabelSelector::Requirement;

constexpr std::string_view kSpaces = " \t\r\n";
constexpr std::string_view kSymbols = "=!(),><";
constexpr std::string_view kIdentifierEnds{" \t\r\n=!(),><\0", 12};

// A token is its own text: empty at the end, else a symbol or an identifier. `in` and `notin` are identifiers too; only
// their place makes operators of them.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : rest_(text), next_(Scan()) {}

  std::string_view Peek() const { return next_; }
  std::string_view Take() { return std::exchange(next_, Scan()); }

 private:
  // Kubernetes' lexer takes a NUL for the end of the text. But the one that ends a token is skipped with it.
  std::string_view Scan() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(kSpaces), rest_.size()));
    if (rest_.empty() || rest_.front() == '\0') return {};
    const std::string_view token = rest_.substr(0, TokenLength());
    rest_.remove_prefix(token.size());
    if (rest_.starts_with('\0')) rest_.remove_prefix(1);
    return token;
  }

  std::size_t TokenLength() const {
    if (rest_.starts_with("==") || rest_.starts_with("!=")) return 2;
    if (kSymbols.find(rest_.front()) != std::string_view::npos) return 1;
    return rest_.find_first_of(kIdentifierEnds);
  }

  std::string_view rest_;
  std::string_view next_;
};

bool IsIdentifier(std::string_view token) {
  return !token.empty() && kSymbols.find(token.front()) == std::string_view::npos;
}

bool BeginsRequirement(std::string_view token) { return token == "!" || IsIdentifier(token); }

bool EndsRequirement(std::string_view token) { return token.empty() || token == ","; }

std::string Found(std::string_view token, std::string_view expected) {
  return std::string("found '").append(token).append("', expected: ").append(expected);
}

[[noreturn]] void FailRequirement(std::string_view cause) {
  throw LabelSelectorError(std::string("unable to parse requirement: ").append(cause));
}

bool IsDigitOrLower(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z'); }

bool IsAlphanumeric(char c) { return IsDigitOrLower(c) || (c >= 'A' && c <= 'Z'); }

// ([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]
bool IsName(std::string_view text) {
  const auto may_stand_inside = [](char c) { return IsAlphanumeric(c) || c == '-' || c == '_' || c == '.'; };
  return !text.empty() && IsAlphanumeric(text.front()) && IsAlphanumeric(text.back()) &&
         std::all_of(text.begin(), text.end(), may_stand_inside);
}

// Labels of lower case letters, digits and inner hyphens, joined by dots.
bool IsDnsSubdomain(std::string_view text) {
  char previous = '.';
  for (const char c : text) {
    const bool follows_well = c == '.' ? IsDigitOrLower(previous) : c == '-' ? previous != '.' : IsDigitOrLower(c);
    if (!follows_well) return false;
    previous = c;
  }
  return IsDigitOrLower(previous);
}

constexpr std::size_t kMaxNameLength = 63;
constexpr std::size_t kMaxPrefixLength = 253;

constexpr std::string_view kNameRule =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

void AddProblem(std::string& problems, std::string_view problem, std::string_view rest = {}) {
  if (!problems.empty()) problems += "; ";
  problems.append(problem).append(rest);
}

// What is wrong with a label key; empty if nothing is.
std::string KeyProblems(std::string_view key) {
  std::string problems;
  std::string_view name = key;
  if (const auto slash = key.find('/'); slash != std::string_view::npos) {
    const std::string_view prefix = key.substr(0, slash);
    name = key.substr(slash + 1);
    if (name.find('/') != std::string_view::npos) {
      return std::string("a valid label key ")
          .append(kNameRule)
          .append(" with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')");
    }
    if (prefix.empty()) {
      AddProblem(problems, "prefix part must be non-empty");
    } else {
      if (prefix.size() > kMaxPrefixLength) AddProblem(problems, "prefix part must be no more than 253 bytes");
      if (!IsDnsSubdomain(prefix)) {
        AddProblem(problems,
                   "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' "
                   "or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for "
                   "validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')");
      }
    }
  }
  if (name.empty()) AddProblem(problems, "name part must be non-empty");
  if (name.size() > kMaxNameLength) AddProblem(problems, "name part must be no more than 63 bytes");
  if (!IsName(name)) AddProblem(problems, "name part ", kNameRule);
  return problems;
}

// What is wrong with a label value; empty if nothing is.
std::string ValueProblems(std::string_view value) {
  std::string problems;
  if (value.size() > kMaxNameLength) AddProblem(problems, "must be no more than 63 bytes");
  if (!value.empty() && !IsName(value)) {
    AddProblem(problems,
               "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
               "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used "
               "for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')");
  }
  return problems;
}

std::string Invalid(std::string_view field, std::string_view value, std::string_view problems) {
  return std::string(field).append(": Invalid value: ").append(GoQuote(value)).append(": ").append(problems);
}

// As strconv.ParseInt(text, 10, 64): unlike from_chars it takes a plus sign.
std::optional<std::int64_t> ParseInt64(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;
  }
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool Compares(Operator op) { return op == Operator::kGreaterThan || op == Operator::kLessThan; }

bool TakesSet(Operator op) { return op == Operator::kIn || op == Operator::kNotIn; }

void CheckValues(const Requirement& requirement) {
  std::string errors;
  std::size_t count = 0;
  const auto add = [&](const std::string& error) { errors.append(count++ == 0 ? "" : ", ").append(error); };
  if (Compares(requirement.op) && !ParseInt64(requirement.values.front())) {
    add(Invalid("values[0]", requirement.values.front(), "for 'Gt', 'Lt' operators, the value must be an integer"));
  }
  for (std::size_t i = 0; i < requirement.values.size(); ++i) {
    const std::string problems = ValueProblems(requirement.values[i]);
    if (problems.empty()) continue;
    add(Invalid("values[" + std::to_string(i) + "][" + requirement.key + "]", requirement.values[i], problems));
  }
  if (count == 1) FailRequirement(errors);
  if (count > 1) FailRequirement("[" + errors + "]");
}

struct BinaryOperator {
  std::string_view symbol;
  Operator op;
};

constexpr auto kBinaryOperators = std::to_array<BinaryOperator>({
    {"=", Operator::kEquals},
    {"==", Operator::kDoubleEquals},
    {"!=", Operator::kNotEquals},
    {"in", Operator::kIn},
    {"notin", Operator::kNotIn},
    {">", Operator::kGreaterThan},
    {"<", Operator::kLessThan},
});

Operator ParseOperator(std::string_view token) {
  for (const auto& [symbol, op] : kBinaryOperators) {
    if (token == symbol) return op;
  }
  FailRequirement(Found(token, "in, notin, =, ==, !=, gt, lt"));
}

std::string ParseSingleValue(Lexer& lexer) {
  if (EndsRequirement(lexer.Peek())) return {};
  const std::string_view value = lexer.Take();
  if (!IsIdentifier(value)) FailRequirement(Found(value, "identifier"));
  return std::string(value);
}

// Where an identifier is missing stands the empty value.
std::vector<std::string> ParseValueSet(Lexer& lexer) {
  if (const auto token = lexer.Take(); token != "(") {
    FailRequirement(std::string("found '").append(token).append("' expected: '('"));
  }
  std::vector<std::string> values;
  std::string_view separator;
  do {
    const bool present = IsIdentifier(lexer.Peek());
    const bool first = values.empty();
    values.emplace_back(present ? lexer.Take() : std::string_view());
    separator = lexer.Take();
    if (separator != "," && separator != ")") {
      FailRequirement(Found(separator, present ? "',' or ')'"
                                       : first ? "',', ')' or identifier"
                                               : "',', or identifier"));
    }
  } while (separator == ",");
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

Requirement ParseRequirement(Lexer& lexer) {
  const bool negated = lexer.Peek() == "!";
  if (negated) lexer.Take();
  const std::string_view key = lexer.Take();
  if (!IsIdentifier(key)) FailRequirement(Found(key, "identifier"));
  if (const auto problems = KeyProblems(key); !problems.empty()) FailRequirement(Invalid("<nil>", key, problems));

  Requirement requirement{std::string(key), Operator::kExists, {}};
  if (negated) {
    requirement.op = Operator::kDoesNotExist;
  } else if (!EndsRequirement(lexer.Peek())) {
    requirement.op = ParseOperator(lexer.Take());
    if (TakesSet(requirement.op)) {
      requirement.values = ParseValueSet(lexer);
    } else {
      requirement.values.push_back(ParseSingleValue(lexer));
    }
    CheckValues(requirement);
  }
  return requirement;
}

// `value` is null where the label is absent.
bool Satisfies(const std::string* value, const Requirement& requirement) {
  const auto is_listed = [&] {
    return std::binary_search(requirement.values.begin(), requirement.values.end(), *value);
  };
  switch (requirement.op) {
    case Operator::kEquals:
    case Operator::kDoubleEquals:
    case Operator::kIn:
      return value != nullptr && is_listed();
    case Operator::kNotEquals:
    case Operator::kNotIn:
      return value == nullptr || !is_listed();
    case Operator::kExists:
      return value != nullptr;
    case Operator::kDoesNotExist:
      return value == nullptr;
    case Operator::kGreaterThan:
    case Operator::kLessThan:
      break;
  }
  const auto number = value == nullptr ? std::nullopt : ParseInt64(*value);
  const auto limit = ParseInt64(requirement.values.front());
  return number && (requirement.op == Operator::kGreaterThan ? number > limit : number < limit);
}

void Print(const Requirement& requirement, std::string& out) {
  if (requirement.op == Operator::kDoesNotExist) out += '!';
  out += requirement.key;
  if (requirement.values.empty()) return;
  const auto* const binary = std::find_if(kBinaryOperators.begin(), kBinaryOperators.end(),
                                          [&](const BinaryOperator& b) { return b.op == requirement.op; });
  const bool set = TakesSet(requirement.op);
  out.append(set ? " " : "").append(binary->symbol);
  std::string_view before = set ? " (" : "";
  for (const auto& value : requirement.values) {
    out.append(before).append(value);
    before = ",";
  }
  if (set) out += ')';
}

}  // namespace

LabelSelector LabelSelector::Parse(std::string_view text) {
  LabelSelector selector;
  Lexer lexer(text);
  if (lexer.Peek().empty()) return selector;
  if (!BeginsRequirement(lexer.Peek())) {
    throw LabelSelectorError(Found(lexer.Peek(), "!, identifier, or 'end of string'"));
  }
  for (;;) {
    selector.requirements_.push_back(ParseRequirement(lexer));
    const std::string_view separator = lexer.Take();
    if (separator.empty()) break;
    if (separator != ",") throw LabelSelectorError(Found(separator, "',' or 'end of string'"));
    if (!BeginsRequirement(lexer.Peek())) throw LabelSelectorError(Found(lexer.Peek(), "identifier after ','"));
  }
  const auto by_key = [](const Requirement& a, const Requirement& b) { return a.key < b.key; };
  auto& requirements = selector.requirements_;
  // Asked first because stable_sort allocates, even for a single element.
  if (!std::is_sorted(requirements.begin(), requirements.end(), by_key)) {
    std::stable_sort(requirements.begin(), requirements.end(), by_key);
  }
  return selector;
}

bool LabelSelector::Matches(const std::map<std::string, std::string, std::less<>>& labels) const {
  return std::all_of(requirements_.begin(), requirements_.end(), [&](const Requirement& requirement) {
    const auto label = labels.find(requirement.key);
    return Satisfies(label == labels.end() ? nullptr : &label->second, requirement);
  });
}

std::string LabelSelector::ToString() const {
  std::string out;
  for (const auto& requirement : requirements_) {
    if (!out.empty()) out += ',';
    Print(requirement, out);
  }
  return out;
}

bool IsLabelKey(std::string_view text) { return KeyProblems(text).empty(); }

bool IsLabelValue(std::string_view text) { return ValueProblems(text).empty(); }

}  // namespace metrics
