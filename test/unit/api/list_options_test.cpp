#include "server/api/list_options.h"

#include "server/api/api_error.h"
#include "test/support/catch.h"
#include "test/support/http_request.h"

namespace server::api {
namespace {

using namespace std::string_literals;

/// "code message" of the error, or "ok" and the label selector.
std::string Outcome(const std::string& query) try {
  return "ok " + ParseListOptions(test::Get("/?" + query)).ToString();
} catch (const ApiError& error) {
  return std::to_string(error.status().code) + " " + error.status().message;
}

TEST_CASE("list options are checked as apimachinery checks them", "[api]") {
  const std::string invalid = R"(422 ListOptions.meta.k8s.io "" is invalid: )";
  const std::string forbidden = "resourceVersionMatch: Forbidden: resourceVersionMatch ";
  struct Case {
    std::string query;
    std::string outcome;
  };
  const auto example = GENERATE_COPY(values<Case>({
      {"", "ok "},
      {"labelSelector=queue%3Da", "ok queue=a"},
      {"labelSelector=a%3D1&labelSelector=b%3D2", "ok a=1"},
      {"labelSelector=a+b", "400 unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"},
      {"fieldSelector=metadata.name%3Dx,metadata.namespace!%3Dy", "ok "},
      {"fieldSelector=spec.x%3D1",
       R"(400 "spec.x" is not a known field selector: only "metadata.name", "metadata.namespace")"},
      {"fieldSelector=foo", "400 invalid selector: 'foo'; can't understand 'foo'"},
      {"limit=500&continue=x&resourceVersion=7", "ok "},
      {"limit=%2B1", "ok "},
      {"limit=-1", "ok "},
      {"limit=", R"(400 strconv.ParseInt: parsing "": invalid syntax)"},
      {"limit=abc", R"(400 strconv.ParseInt: parsing "abc": invalid syntax)"},
      {"limit=1.5", R"(400 strconv.ParseInt: parsing "1.5": invalid syntax)"},
      {"limit=%2B-1", R"(400 strconv.ParseInt: parsing "+-1": invalid syntax)"},
      {"limit=9223372036854775808", R"(400 strconv.ParseInt: parsing "9223372036854775808": value out of range)"},
      {"limit=9223372036854775807", "ok "},
      {"limit=-9223372036854775808", "ok "},
      {"limit=-9223372036854775809", R"(400 strconv.ParseInt: parsing "-9223372036854775809": value out of range)"},
      {"limit=9223372036854775808x", R"(400 strconv.ParseInt: parsing "9223372036854775808x": invalid syntax)"},
      {"limit=99999999999999999999x", R"(400 strconv.ParseInt: parsing "99999999999999999999x": value out of range)"},
      {"limit=-", R"(400 strconv.ParseInt: parsing "-": invalid syntax)"},
      {"fieldSelector=%3D", "ok "},
      {"fieldSelector=a%00b", "400 invalid selector: 'a\0b'; can't understand 'a\0b'"s},
      {"timeoutSeconds=5", "ok "},
      {"timeoutSeconds=5s&limit=x", R"(400 strconv.ParseInt: parsing "5s": invalid syntax)"},
      {"limit=x&labelSelector=a+b", R"(400 strconv.ParseInt: parsing "x": invalid syntax)"},
      {"watch=1", R"(405 watch is not supported on resources of kind "*.external.metrics.k8s.io")"},
      {"watch", R"(405 watch is not supported on resources of kind "*.external.metrics.k8s.io")"},
      {"watch=FALSE", "ok "},
      {"watch=0", "ok "},
      {"watch=1&limit=x", R"(400 strconv.ParseInt: parsing "x": invalid syntax)"},
      {"resourceVersionMatch=Exact&resourceVersion=1", "ok "},
      {"resourceVersionMatch=NotOlderThan&resourceVersion=0", "ok "},
      {"resourceVersionMatch=&resourceVersion=1", "ok "},
      {"resourceVersionMatch=Exact", invalid + forbidden + "is forbidden unless resourceVersion is provided"},
      {"resourceVersionMatch=Exact&resourceVersion=0",
       invalid + forbidden + R"("exact" is forbidden for resourceVersion "0")"},
      {"resourceVersionMatch=Exact&resourceVersion=1&continue=x",
       invalid + forbidden + "is forbidden when continue is provided"},
      {"resourceVersionMatch=Foo", invalid + "[" + forbidden +
                                       "is forbidden unless resourceVersion is provided, resourceVersionMatch: "
                                       R"(Unsupported value: "Foo": supported values: "Exact", "NotOlderThan", ""])"},
      {"resourceVersion=1&resourceVersionMatch=%22%3C%3E%07%FF",
       invalid + "resourceVersionMatch: Unsupported value: " + R"("\"\u003c\u003e\u0007\ufffd")" +
           R"(: supported values: "Exact", "NotOlderThan", "")"},
      {"sendInitialEvents=false", invalid + "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list"},
  }));
  INFO(example.query);
  CHECK(Outcome(example.query) == example.outcome);
}

}  // namespace
}  // namespace server::api
