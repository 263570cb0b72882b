#include "server/wire/negotiation.h"

#include <array>
#include <string>

#include "test/support/catch.h"

namespace server::wire {
namespace {

constexpr std::array kForms{Form{}, Form{"Table", "meta.k8s.io", "v1", false}};
constexpr Offer kOffer{.forms = kForms};
constexpr Offer kLenientOffer{.forms = kForms, .is_routed = false};

/// "json", "protobuf", "json Table", "json pretty", or "none".
std::string Chosen(std::string_view accept, const Offer& offer = kOffer) {
  const auto type = Negotiate(accept, offer);
  if (!type) {
    return "none";
  }
  std::string text = type->encoding == Encoding::kJson ? "json" : "protobuf";
  if (!type->form.kind.empty()) {
    text += " " + std::string(type->form.kind);
  }
  return type->pretty ? text + " pretty" : text;
}

TEST_CASE("the Accept header chooses the representation as in kube-apiserver", "[wire]") {
  struct Case {
    std::string accept;
    std::string chosen;
  };
  const auto example = GENERATE(values<Case>({
      {"", "json"},
      {"*/*", "json"},
      {"*", "none"},
      {"*/*;q=0.8, application/vnd.kubernetes.protobuf;q=0.5", "protobuf"},
      {"text/html, */*;q=0.8, application/vnd.kubernetes.protobuf;q=0.5", "protobuf"},
      {"application/json,application/vnd.kubernetes.protobuf;q=1.5", "protobuf"},
      {"application/json,application/vnd.kubernetes.protobuf;q=+1.5", "protobuf"},
      {"application/json;q=-1", "json"},
      {"application/json;as=Foo;g=x;v=v1,application/*", "json"},
      {"application/yaml,application/*;q=0.1", "json"},
      {"application/json", "json"},
      {"application/vnd.kubernetes.protobuf", "protobuf"},
      {"application/vnd.kubernetes.protobuf, */*", "protobuf"},
      {"*/*, application/vnd.kubernetes.protobuf", "protobuf"},
      {"application/json;q=0.5,application/vnd.kubernetes.protobuf", "protobuf"},
      {"application/vnd.kubernetes.protobuf;q=0.5,application/json", "json"},
      {"application/vnd.kubernetes.protobuf;q=0.9, */*;q=0.1", "protobuf"},
      {"application/vnd.kubernetes.protobuf;q=0.1, */*;q=0.9", "json"},
      {"application/json,application/vnd.kubernetes.protobuf", "json"},
      {"text/html, application/vnd.kubernetes.protobuf;q=0.2", "protobuf"},
      {"application/json;q=0", "json"},
      {"application/json;q=junk, application/vnd.kubernetes.protobuf;q=0.1", "protobuf"},
      {"application/json;q=nan, application/vnd.kubernetes.protobuf;q=0.1", "protobuf"},
      {"text/html", "none"},
      {"application/cbor", "none"},
      {"application/*", "none"},
      {"application/*;q=1,application/vnd.kubernetes.protobuf;q=0.5", "protobuf"},
      {"application/json;charset=utf-8", "json"},
      {"  application/json ; charset = utf-8 ", "json"},
      {"application/json;pretty=1", "json pretty"},
      {"application/json;pretty=0", "json"},
      {"application/json;stream=watch", "json"},
      {"application/json;stream=other", "none"},
      {"application/json;sv=v1", "none"},
      {"application/json;as=Table;v=v1;g=meta.k8s.io,application/json", "json Table"},
      {"application/json;g=meta.k8s.io;as=Table;v=v1", "json Table"},
      {"application/json;as=Table;v=v2;g=meta.k8s.io,application/vnd.kubernetes.protobuf", "protobuf"},
      {"application/json;as=Table", "none"},
      {"application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io", "none"},
      {"application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", "none"},
      {"application", "none"},
      {"application/", "none"},
      {"application/json/x", "none"},
      {",,;,/,;q=1,*/json", "none"},
      {",application/json,", "json"},
  }));
  INFO(example.accept);
  CHECK(Chosen(example.accept) == example.chosen);
}

TEST_CASE("an error may be sent to whoever accepts application/*", "[wire]") {
  CHECK(Chosen("application/*", kLenientOffer) == "json");
  CHECK(Chosen("application/*, application/vnd.kubernetes.protobuf", kLenientOffer) == "protobuf");
  CHECK(Chosen("*", kLenientOffer) == "json");
  CHECK(Chosen("text/*", kLenientOffer) == "none");
}

TEST_CASE("a hostile Accept header is read in little time", "[wire]") {
  std::string clauses;
  std::string parameters = "application/json";
  for (int i = 0; i < 100'000; ++i) {
    clauses += "a/b;q=0.1,";
    parameters += ";x=y";
  }
  CHECK(Chosen(clauses) == "none");
  CHECK(Chosen(clauses + "application/json;q=0.1,application/vnd.kubernetes.protobuf;q=0.2") == "protobuf");
  CHECK(Chosen(parameters) == "json");
  CHECK(Chosen(std::string("\0/\xff;\0=\xff", 8)) == "none");
}

}  // namespace
}  // namespace server::wire
