#include "server/wire/json_writer.h"

#include <limits>

#include "test/support/catch.h"

namespace server::wire {
namespace {

std::string Quoted(std::string_view text) {
  std::string out;
  JsonWriter(out, JsonStyle::kCompact).String(text);
  return out;
}

TEST_CASE("strings are escaped as Go's encoding/json does", "[wire]") {
  using std::string_literals::operator""s;
  struct Case {
    std::string text;
    std::string json;
  };
  const auto example = GENERATE(values<Case>({
      {"", R"("")"},
      {"plain /text/", R"("plain /text/")"},
      {R"(quote " backslash \)", R"("quote \" backslash \\")"},
      {"\b\f\n\r\t", R"("\b\f\n\r\t")"},
      {"nul \0 esc \x1b del \x7f"s, "\"nul \\u0000 esc \\u001b del \x7f\""},
      {"<a href='x'>&</a>", R"("\u003ca href='x'\u003e\u0026\u003c/a\u003e")"},
      {"wörker 列 🙂", "\"wörker 列 🙂\""},
      {"\u2027\u2028\u2029\u202a", "\"\u2027\\u2028\\u2029\u202a\""},
      {"stray \x80 lead \xc3", R"("stray \ufffd lead \ufffd")"},
      {"cut \xe5\x88", R"("cut \ufffd\ufffd")"},
      {"overlong \xc0\xaf \xe0\x80\xaf \xf0\x80\x80\xaf",
       R"("overlong \ufffd\ufffd \ufffd\ufffd\ufffd \ufffd\ufffd\ufffd\ufffd")"},
      {"surrogate \xed\xa0\x80", R"("surrogate \ufffd\ufffd\ufffd")"},
      {"highest \xf4\x8f\xbf\xbf beyond \xf4\x90\x80\x80",
       "\"highest \xf4\x8f\xbf\xbf beyond \\ufffd\\ufffd\\ufffd\\ufffd\""},
  }));
  CHECK(Quoted(example.text) == example.json);
}

void WriteSample(JsonWriter& json) {
  json.BeginObject();
  json.Member("text", "a");
  json.Key("none");
  json.BeginObject();
  json.EndObject();
  json.Key("numbers");
  json.BeginArray();
  json.Int(std::numeric_limits<std::int64_t>::min());
  json.Int(7);
  json.EndArray();
  json.Key("nested");
  json.BeginArray();
  json.BeginObject();
  json.Key("yes");
  json.Bool(true);
  json.Key("nothing");
  json.Null();
  json.EndObject();
  json.BeginArray();
  json.EndArray();
  json.EndArray();
  json.EndObject();
}

TEST_CASE("compact JSON has no white space", "[wire]") {
  std::string out;
  JsonWriter json(out, JsonStyle::kCompact);
  WriteSample(json);
  CHECK(out ==
        R"({"text":"a","none":{},"numbers":[-9223372036854775808,7],"nested":[{"yes":true,"nothing":null},[]]})");
}

TEST_CASE("pretty JSON is indented by two spaces, and empty values stay on their line", "[wire]") {
  std::string out;
  JsonWriter json(out, JsonStyle::kPretty);
  WriteSample(json);
  CHECK(out == R"({
  "text": "a",
  "none": {},
  "numbers": [
    -9223372036854775808,
    7
  ],
  "nested": [
    {
      "yes": true,
      "nothing": null
    },
    []
  ]
})");
}

}  // namespace
}  // namespace server::wire
