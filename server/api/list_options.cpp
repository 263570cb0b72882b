#include "server/api/list_options.h"

#include <charconv>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "metrics/go_quote.h"
#include "server/api/api_error.h"
#include "server/api/field_selector.h"
#include "server/wire/json_writer.h"
#include "server/wire/status_errors.h"

namespace server::api {
namespace {

/// As json.Marshal writes a string, by which apimachinery tells values of types of its own.
std::string JsonQuote(std::string_view text) {
  std::string quoted;
  wire::JsonWriter(quoted, wire::JsonStyle::kCompact).String(text);
  return quoted;
}

/// Throws what strconv.ParseInt would return.
void CheckInteger(const http::Request& request, std::string_view parameter) {
  const auto value = request.QueryValue(parameter);
  if (!value) {
    return;
  }
  std::string_view digits = *value;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) {
    digits.remove_prefix(1);
  }
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  constexpr auto kLargest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  const std::string parsing = "strconv.ParseInt: parsing " + metrics::GoQuote(*value);
  if (error == std::errc::result_out_of_range) {  // Go looks no further, whatever comes behind.
    throw ApiError(wire::BadRequest(parsing + ": value out of range"));
  }
  if (error != std::errc{} || end != digits.data() + digits.size()) {
    throw ApiError(wire::BadRequest(parsing + ": invalid syntax"));
  }
  if (number > kLargest + (negative ? 1 : 0)) {
    throw ApiError(wire::BadRequest(parsing + ": value out of range"));
  }
}

void CheckResourceVersionMatch(const http::Request& request) {
  std::vector<wire::StatusCause> causes;
  const auto refuse = [&causes](std::string_view field, std::string_view reason, std::string message) {
    causes.push_back({.reason = std::string(reason), .message = std::move(message), .field = std::string(field)});
  };
  constexpr std::string_view kMatch = "resourceVersionMatch";
  constexpr std::string_view kForbidden = "FieldValueForbidden";
  const std::string_view match = request.QueryValue(kMatch).value_or("");
  const std::string_view version = request.QueryValue("resourceVersion").value_or("");
  if (!match.empty()) {
    if (version.empty()) {
      refuse(kMatch, kForbidden, "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided");
    }
    if (!request.QueryValue("continue").value_or("").empty()) {
      refuse(kMatch, kForbidden, "Forbidden: resourceVersionMatch is forbidden when continue is provided");
    }
    if (match != "Exact" && match != "NotOlderThan") {
      refuse(kMatch, "FieldValueNotSupported",
             "Unsupported value: " + JsonQuote(match) + R"(: supported values: "Exact", "NotOlderThan", "")");
    }
    if (match == "Exact" && version == "0") {
      refuse(kMatch, kForbidden, R"(Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0")");
    }
  }
  if (request.QueryValue("sendInitialEvents")) {
    refuse("sendInitialEvents", kForbidden, "Forbidden: sendInitialEvents is forbidden for list");
  }
  if (!causes.empty()) {
    throw ApiError(wire::InvalidListOptions(std::move(causes)));
  }
}

void CheckKnownFields(const std::vector<FieldTerm>& terms) {
  for (const FieldTerm& term : terms) {
    if (term.field != "metadata.name" && term.field != "metadata.namespace") {
      throw ApiError(wire::BadRequest(metrics::GoQuote(term.field) +
                                      R"( is not a known field selector: only "metadata.name", "metadata.namespace")"));
    }
  }
}

}  // namespace

bool IsWatch(const http::Request& request) {
  const auto watch = request.QueryValue("watch");
  return watch && *watch != "0" && !http::EqualsIgnoringCase(*watch, "false");
}

metrics::LabelSelector ParseListOptions(const http::Request& request) {
  // The order is apimachinery's; it decides which of several mistakes is reported.
  CheckInteger(request, "timeoutSeconds");
  CheckInteger(request, "limit");
  metrics::LabelSelector selector;
  std::vector<FieldTerm> fields;
  try {
    selector = metrics::LabelSelector::Parse(request.QueryValue("labelSelector").value_or(""));
    fields = ParseFieldSelector(request.QueryValue("fieldSelector").value_or(""));
  } catch (const metrics::LabelSelectorError& error) {
    throw ApiError(wire::BadRequest(error.what()));
  } catch (const FieldSelectorError& error) {
    throw ApiError(wire::BadRequest(error.text()));
  }
  const bool watch = IsWatch(request);
  if (!watch) {
    CheckResourceVersionMatch(request);
  }
  CheckKnownFields(fields);
  if (watch) {
    throw ApiError(wire::WatchNotSupported());
  }
  return selector;
}

}  // namespace server::api
