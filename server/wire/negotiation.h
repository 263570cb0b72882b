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
  /// Whether `application/*` matches. kube-apiserver's router wants the type spelled out or `*/*`; only errors, which
  /// do not pass it, are negotiated more leniently.
  bool subtype_wildcard = false;
};

struct MediaType {
  Encoding encoding = Encoding::kJson;
  Form form;            // One of those offered.
  bool pretty = false;  // The clause asks for it: "application/json;pretty=1".
};

/// The best clause of `accept` that `offer` can serve: highest q first, then the more specific, then the earlier. A
/// wildcard is served with JSON, as is an empty header. Clauses that ask for a form or a stream that is not offered are
/// passed over; parameters nobody knows are ignored. Linear in the length of `accept`, which may hold any bytes.
std::optional<MediaType> Negotiate(std::string_view accept, const Offer& offer);

}  // namespace server::wire
