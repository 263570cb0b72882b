#include "metrics/label_selector.h"

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "test/support/catch.h"
#include "test/support/golden.h"

using metrics::LabelSelector;
using metrics::LabelSelectorError;
using test::Text;
using Operator = metrics::LabelSelector::Operator;
using LabelMap = std::map<std::string, std::string, std::less<>>;
using namespace std::string_literals;

namespace {

// The operator as selection.Operator spells it.
std::string Spelling(Operator op) {
  switch (op) {
    case Operator::kEquals:
      return "=";
    case Operator::kDoubleEquals:
      return "==";
    case Operator::kIn:
      return "in";
    case Operator::kNotEquals:
      return "!=";
    case Operator::kNotIn:
      return "notin";
    case Operator::kExists:
      return "exists";
    case Operator::kDoesNotExist:
      return "!";
    case Operator::kGreaterThan:
      return "gt";
    case Operator::kLessThan:
      return "lt";
  }
  return {};
}

std::string ErrorOf(std::string_view text) {
  try {
    LabelSelector::Parse(text);
  } catch (const LabelSelectorError& error) {
    return error.what();
  }
  return "no error";
}

std::string Canonical(std::string_view text) { return LabelSelector::Parse(text).ToString(); }

std::string Repeat(std::string_view text, std::size_t times) {
  std::string repeated;
  for (; times > 0; --times) repeated += text;
  return repeated;
}

const std::string kValueRule =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const std::string kNameRule =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const std::string kPrefixRule =
    "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and "
    "must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

}  // namespace

TEST_CASE("label selector: reads, prints, refuses and matches as Kubernetes did when the golden file was made",
          "[metrics]") {
  const auto golden = test::ReadGolden("selectors.json");
  for (const auto& vector : golden.GetArray()) {
    const std::string input = Text(vector["input"]);
    CAPTURE(input);
    if (vector.HasMember("error")) {
      CHECK(ErrorOf(input) == Text(vector["error"]));
      continue;
    }
    const auto selector = LabelSelector::Parse(input);
    CHECK(selector.ToString() == Text(vector["string"]));
    CHECK(selector.requirements().empty() == vector["empty"].GetBool());

    const auto& wanted = vector["requirements"];
    REQUIRE(selector.requirements().size() == wanted.Size());
    for (rapidjson::SizeType i = 0; i < wanted.Size(); ++i) {
      const auto& requirement = selector.requirements()[i];
      CHECK(requirement.key == Text(wanted[i]["key"]));
      CHECK(Spelling(requirement.op) == Text(wanted[i]["operator"]));
      std::vector<std::string> values;
      for (const auto& value : wanted[i]["values"].GetArray()) values.push_back(Text(value));
      CHECK(requirement.values == values);
    }

    for (const auto& match : vector["matches"].GetArray()) {
      LabelMap labels;
      for (const auto& label : match["labels"].GetObject()) labels[Text(label.name)] = Text(label.value);
      CAPTURE(labels);
      CHECK(selector.Matches(labels) == match["matches"].GetBool());
    }
  }
}

TEST_CASE("label selector: the canonical text is sorted, free of duplicates and reads back as the same selector",
          "[metrics]") {
  const auto [text, canonical] = GENERATE(table<std::string, std::string>({
      {"", ""},
      {"\r\n\t ", ""},
      {"z,!y,x==1", "x==1,!y,z"},
      {"q in (b,a,b,,a)", "q in (,a,b)"},
      {"q notin ( , )", "q notin ()"},
      {"B=1,a=1,A=1", "A=1,B=1,a=1"},
      {"x notin(10,9,1)", "x notin (1,10,9)"},
      {"in notin (notin,in),!notin,notin in()", "in notin (in,notin),!notin,notin in ()"},
      {"a=,b!=,c==", "a=,b!=,c=="},
      {"a<007,a>1", "a<007,a>1"},
  }));
  CAPTURE(text);
  const auto selector = LabelSelector::Parse(text);
  CHECK(selector.ToString() == canonical);
  CHECK(LabelSelector::Parse(canonical) == selector);
}

TEST_CASE("label selector: requirements of one key keep the order in which they were written", "[metrics]") {
  std::string text = "b";
  std::string canonical;
  for (int i = 0; i < 40; ++i) {
    text += ",a!=" + std::to_string(i);
    canonical += "a!=" + std::to_string(i) + ",";
  }
  CHECK(Canonical(text) == canonical + "b");
}

TEST_CASE("label selector: a NUL ends the selector, but the first one behind a token only ends the token",
          "[metrics]") {
  const auto [text, canonical] = GENERATE(table<std::string, std::string>({
      {"\0x=a"s, ""},
      {" \0("s, ""},
      {"x\0"s, "x"},
      {"x\0=\0a\0"s, "x=a"},
      {"x=\0\0a"s, "x="},
      {"x \0=a"s, "x"},
      {"x=a\0\0,,,"s, "x=a"},
      {"x=a\0,\0y"s, "x=a,y"},
      {"x in\0(\0a\0,\0b\0)\0\0)"s, "x in (a,b)"},
  }));
  CAPTURE(text);
  CHECK(Canonical(text) == canonical);
}

TEST_CASE("label selector: what is out of place is named, with what could have stood there", "[metrics]") {
  const auto [text, error] = GENERATE(table<std::string, std::string>({
      {")", "found ')', expected: !, identifier, or 'end of string'"},
      {"==a", "found '==', expected: !, identifier, or 'end of string'"},
      {"x=a,=", "found '=', expected: identifier after ','"},
      {"x, \0y"s, "found '', expected: identifier after ','"},
      {"!x=a", "found '=', expected: ',' or 'end of string'"},
      {"x=a\vb=c", "unable to parse requirement: values[0][x]: Invalid value: \"a\\vb\": " + kValueRule},
      {"x in (a))", "found ')', expected: ',' or 'end of string'"},
      {"!!x", "unable to parse requirement: found '!', expected: identifier"},
      {"!(", "unable to parse requirement: found '(', expected: identifier"},
      {"!,x", "unable to parse requirement: found ',', expected: identifier"},
      {"x(", "unable to parse requirement: found '(', expected: in, notin, =, ==, !=, gt, lt"},
      {"x\fy", "unable to parse requirement: <nil>: Invalid value: \"x\\fy\": name part " + kNameRule},
      {"x \xff", "unable to parse requirement: found '\xff', expected: in, notin, =, ==, !=, gt, lt"},
      {"x!==a", "unable to parse requirement: found '=', expected: identifier"},
      {"x=)", "unable to parse requirement: found ')', expected: identifier"},
      {"x in,", "unable to parse requirement: found ',' expected: '('"},
      {"x in (", "unable to parse requirement: found '', expected: ',', ')' or identifier"},
      {"x in (!a)", "unable to parse requirement: found '!', expected: ',', ')' or identifier"},
      {"x in (a!=", "unable to parse requirement: found '!=', expected: ',' or ')'"},
      {"x in (a,", "unable to parse requirement: found '', expected: ',', or identifier"},
      {"x in (,(", "unable to parse requirement: found '(', expected: ',', or identifier"},
      {"x in (-", "unable to parse requirement: found '', expected: ',' or ')'"},
  }));
  CAPTURE(text);
  CHECK(ErrorOf(text) == error);
}

TEST_CASE("label selector: a bad key is told all its faults, before anything that follows it is read", "[metrics]") {
  const auto [key, faults] = GENERATE(table<std::string, std::string>({
      {"a..b/x", kPrefixRule},
      {"-a/x", kPrefixRule},
      {"a-.b/x", kPrefixRule},
      {"a.-b/x", kPrefixRule},
      {"a./x", kPrefixRule},
      {"A/x", kPrefixRule},
      {"/", "prefix part must be non-empty; name part must be non-empty; name part " + kNameRule},
      {Repeat("-", 254) + "/x", "prefix part must be no more than 253 bytes; " + kPrefixRule},
      {"-/" + Repeat("-", 64), kPrefixRule + "; name part must be no more than 63 bytes; name part " + kNameRule},
      {"//",
       "a valid label key " + kNameRule + " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"},
  }));
  CAPTURE(key);
  CHECK(ErrorOf("!" + key + "(") == "unable to parse requirement: <nil>: Invalid value: \"" + key + "\": " + faults);
}

TEST_CASE("label selector: keys and values may be as long as Kubernetes lets them be", "[metrics]") {
  const std::string key = Repeat("a.", 126) + "a/" + Repeat("N", 63);
  const std::string text = key + "=" + Repeat("v", 63);
  CHECK(Canonical(text) == text);
}

TEST_CASE("label selector: each bad value is named by its place in the sorted set", "[metrics]") {
  const auto too_long = Repeat("+", 64);
  const auto [text, cause] = GENERATE_COPY(table<std::string, std::string>({
      {"x in (b,-,a)", "values[0][x]: Invalid value: \"-\": " + kValueRule},
      {"p/x notin (b.,a,_c,b.)", "[values[0][p/x]: Invalid value: \"_c\": " + kValueRule +
                                     ", values[2][p/x]: Invalid value: \"b.\": " + kValueRule + "]"},
      {"x=" + too_long,
       "values[0][x]: Invalid value: \"" + too_long + "\": must be no more than 63 bytes; " + kValueRule},
      {"x>1-",
       "[values[0]: Invalid value: \"1-\": for 'Gt', 'Lt' operators, the value must be an integer, "
       "values[0][x]: Invalid value: \"1-\": " +
           kValueRule + "]"},
      {"x<-1", "values[0][x]: Invalid value: \"-1\": " + kValueRule},
      {"x=\"a\\", "values[0][x]: Invalid value: \"\\\"a\\\\\": " + kValueRule},
      {"x=\xe2\x80\x8b\xff", "values[0][x]: Invalid value: \"\\u200b\\xff\": " + kValueRule},
  }));
  CAPTURE(text);
  CHECK(ErrorOf(text) == "unable to parse requirement: " + cause);
}

TEST_CASE("label selector: a comparison takes any label that is an int64, and no other", "[metrics]") {
  const auto [value, above, below] = GENERATE(table<std::string, bool, bool>({
      {"4", false, true},
      {"5", false, false},
      {"6", true, false},
      {"+6", true, false},
      {"-6", false, true},
      {"006", true, false},
      {"9223372036854775807", true, false},
      {"-9223372036854775808", false, true},
      {"9223372036854775808", false, false},
      {"-9223372036854775809", false, false},
      {"", false, false},
      {"+", false, false},
      {"+-6", false, false},
      {" 6", false, false},
      {"6 ", false, false},
      {"6.0", false, false},
      {"0x6", false, false},
      {"1_0", false, false},
  }));
  CAPTURE(value);
  CHECK(LabelSelector::Parse("x>5").Matches({{"x", value}}) == above);
  CHECK(LabelSelector::Parse("x<005").Matches({{"x", value}}) == below);
}

TEST_CASE("label selector: a long selector takes no longer than its length explains", "[metrics]") {
  constexpr std::size_t kMany = 250'000;
  CHECK(LabelSelector::Parse(Repeat("x,", kMany) + "x").requirements().size() == kMany + 1);
  CHECK(Canonical("x in (" + Repeat(",", kMany) + ")") == "x in ()");
  CHECK(Canonical("x in (" + Repeat("a,", kMany) + "b)") == "x in (a,b)");
  CHECK(Canonical(Repeat(" ", kMany) + "x" + Repeat(" ", kMany)) == "x");
  CHECK(Canonical("x" + Repeat("\0"s, kMany)) == "x");
  for (const std::string_view text : {"(", "!", "=", "/", "-", ".", "a", "\xff", "!x,", "x in (", "x in (a,"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(LabelSelector::Parse(Repeat(text, kMany)), LabelSelectorError);
  }
}
