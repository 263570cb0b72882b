#include "server/api/field_selector.h"

#include "test/support/catch.h"

namespace server::api {
namespace {

/// "field=value" or "field!=value" for each term, or the error.
std::string Parsed(std::string_view selector) try {
  std::string text;
  for (const FieldTerm& term : ParseFieldSelector(selector)) {
    text += "[" + term.field + (term.equal ? "=" : "!=") + term.value + "]";
  }
  return text;
} catch (const FieldSelectorError& error) {
  return error.what();
}

TEST_CASE("field selectors are read as apimachinery reads them", "[api]") {
  struct Case {
    std::string selector;
    std::string parsed;
  };
  const auto example = GENERATE(values<Case>({
      {"", ""},
      {",", ""},
      {"a=1", "[a=1]"},
      {"a==1", "[a=1]"},
      {"a!=1", "[a!=1]"},
      {"a=", "[a=]"},
      {"=", ""},
      {"==,a=1,!=", "[a=1]"},
      {"!=1", "[!=1]"},
      {"!a=1", "[!a=1]"},
      {"b=2,a=1", "[a=1][b=2]"},
      {R"(a=x\,y\=z\\)", R"([a=x,y=z\])"},
      {"foo", "invalid selector: 'foo'; can't understand 'foo'"},
      {"a=1,foo", "invalid selector: 'a=1,foo'; can't understand 'foo'"},
      {"a=1=2", "invalid field selector: unescaped character in value: 61"},
      {"a!==2", "invalid field selector: unescaped character in value: 61"},
      {R"(a=\x)", R"(invalid field selector: invalid escape sequence: \x)"},
      {R"(a=\ö.)", R"(invalid field selector: invalid escape sequence: \ö)"},
      {R"(a=\)", R"(invalid field selector: invalid escape sequence: \)"},
  }));
  INFO(example.selector);
  CHECK(Parsed(example.selector) == example.parsed);
}

}  // namespace
}  // namespace server::api
