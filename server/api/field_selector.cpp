#include "server/api/field_selector.h"

#include <algorithm>
#include <utility>

namespace server::api {
namespace {

/// Between the commas that no backslash precedes.
std::vector<std::string_view> SplitTerms(std::string_view selector) {
  std::vector<std::string_view> terms;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < selector.size(); ++i) {
    if (selector[i] == '\\') {
      ++i;
    } else if (selector[i] == ',') {
      terms.push_back(selector.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  terms.push_back(selector.substr(begin));
  return terms;
}

/// Without the backslashes that make a comma, an equals sign or a backslash part of the value.
std::string Unescape(std::string_view text) {
  std::string value;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '=') {
      // Go prints the character's number, too.
      throw FieldSelectorError("invalid field selector: unescaped character in value: 61");
    }
    if (text[i] == '\\') {
      const char next = i + 1 < text.size() ? text[i + 1] : '\0';
      if (next != '\\' && next != ',' && next != '=') {
        std::size_t end = std::min(i + 2, text.size());
        while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80) {
          ++end;  // The whole UTF-8 character.
        }
        throw FieldSelectorError("invalid field selector: invalid escape sequence: " +
                                 std::string(text.substr(i, end - i)));
      }
      ++i;
    }
    value += text[i];
  }
  return value;
}

}  // namespace

std::vector<FieldTerm> ParseFieldSelector(std::string_view selector) {
  if (selector.empty()) {
    return {};
  }
  std::vector<std::string_view> texts = SplitTerms(selector);
  std::sort(texts.begin(), texts.end());
  std::vector<FieldTerm> terms;
  for (const std::string_view text : texts) {
    if (text.empty()) {
      continue;
    }
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) {
      throw FieldSelectorError("invalid selector: '" + std::string(selector) + "'; can't understand '" +
                               std::string(text) + "'");
    }
    const bool negated = equals > 0 && text[equals - 1] == '!';
    const bool doubled = !negated && text.substr(equals).starts_with("==");
    FieldTerm term{.field = std::string(text.substr(0, negated ? equals - 1 : equals)),
                   .equal = !negated,
                   .value = Unescape(text.substr(equals + (doubled ? 2 : 1)))};
    if (!term.field.empty() || !term.value.empty()) {
      terms.push_back(std::move(term));
    }
  }
  return terms;
}

}  // namespace server::api
