// Any Accept header gets something that is on offer, or nothing; saying it twice changes nothing, and whoever takes
// anything is always served.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/wire/negotiation.h"
#include "test/fuzz/fuzzing.h"

using fuzzing::Require;
using server::wire::Encoding;
using server::wire::Form;
using server::wire::MediaType;
using server::wire::Negotiate;
using server::wire::Offer;

namespace {

constexpr std::array kForms{Form{}, Form{.kind = "Table", .group = "meta.k8s.io", .version = "v1", .protobuf = false},
                            Form{.kind = "Table", .group = "meta.k8s.io", .version = "v1beta1", .protobuf = false}};
constexpr std::array kDiscoveryForms{
    Form{.kind = "APIGroupDiscoveryList", .group = "apidiscovery.k8s.io", .version = "v2"}, Form{}};

bool SameForm(const Form& left, const Form& right) {
  return left.kind == right.kind && left.group == right.group && left.version == right.version;
}

bool Same(const std::optional<MediaType>& left, const std::optional<MediaType>& right) {
  if (!left || !right) return !left && !right;
  return left->encoding == right->encoding && SameForm(left->form, right->form) && left->pretty == right->pretty;
}

void Check(const std::string& accept, const Offer& offer) {
  const auto chosen = Negotiate(accept, offer);
  if (chosen) {
    Require(std::ranges::any_of(offer.forms, [&](const Form& form) { return SameForm(form, chosen->form); }));
    Require(chosen->encoding == Encoding::kJson || chosen->form.protobuf);
  }
  Require(Same(Negotiate(accept + ",,nonsense", offer), chosen) || accept.empty());
  Require(Negotiate(accept + ",*/*;q=0.001", offer).has_value());
  if (!chosen && !accept.empty()) Require(Negotiate(accept + ",*/*", offer)->encoding == Encoding::kJson);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string accept(fuzzing::Text(data, size));
  for (const bool is_routed : {false, true}) {
    Check(accept, {.forms = kForms, .is_routed = is_routed});
    Check(accept, {.forms = kDiscoveryForms, .is_routed = is_routed});
  }
  return 0;
}
