// Which representation of an object a client gets: the Accept header, read as kube-apiserver reads it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace server::wire {

enum class Encoding : std::uint8_t { kJson, kProtobuf };

inline constexpr std::string_view kJsonMediaType = "application/json";
inline constexpr std::string_view kProtobufMediaType = "application/vnd.kubernetes.protobuf";

/// What an object can be turned into before it is sent, named by a clause's parameters `as`, `g` and `v`; all three are
/// empty for the object as it is.
struct Form {
  std::string_view kind;
  std::string_view group;
  std::string_view version;
  bool protobuf = true;  // Whether there is a protobuf encoding beside the JSON one.
};

/// What a route can answer with.
struct Offer {
  std::span<const Form> forms;
  /// kube-apiserver's router wants one of the types spelled out, or `*/*`, somewhere; only errors do not pass it.
  bool is_routed = true;
};

struct MediaType {
  Encoding encoding = Encoding::kJson;
  Form form;            // One of those offered.
  bool pretty = false;  // The clause asks for it: "application/json;pretty=1".
};

/// The first clause of `accept` that `offer` can serve, by q, though goautoneg, whose order this is, takes some that
/// are more specific before. A wildcard is served with JSON, as is an empty header. Clauses that ask for a form or a
/// stream that is not offered are passed over; parameters nobody knows are ignored. `accept` may hold any bytes.
std::optional<MediaType> Negotiate(std::string_view accept, const Offer& offer);

}  // namespace server::wire
