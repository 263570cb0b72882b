// The query of a list: it is understood or refused, and a refusal is a document that every client can read, whatever
// bytes it quotes. A field selector that is understood, written out by its terms, is the same selector.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "server/api/api_error.h"
#include "server/api/field_selector.h"
#include "server/api/list_options.h"
#include "server/http/request_target.h"
#include "server/kube/api.h"
#include "server/wire/json.h"
#include "server/wire/protobuf.h"
#include "test/fuzz/fuzzing.h"

using fuzzing::Require;
using server::api::FieldTerm;

namespace {

void RequireReadable(const server::wire::Status& status) {
  Require(status.code == 400 || status.code == 405 || status.code == 422);
  const std::string json = EncodeJson(status, server::wire::JsonStyle::kCompact);
  const auto document = server::kube::Json::Parse(json);  // Which refuses what is not UTF-8.
  Require(document.has_value());
  Require(!(*document)["message"].String().empty());
  Require((*document)["reason"].String() == status.reason);
  Require(EncodeProtobuf(status).starts_with(std::string_view("k8s\0", 4)));
}

std::string Escape(std::string_view value) {
  std::string escaped;
  for (const char c : value) {
    if (c == '\\' || c == ',' || c == '=') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::vector<std::tuple<std::string, bool, std::string>> Sorted(const std::vector<FieldTerm>& terms) {
  std::vector<std::tuple<std::string, bool, std::string>> sorted;
  for (const FieldTerm& term : terms) sorted.emplace_back(term.field, term.equal, term.value);
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

void CheckFieldSelector(std::string_view text) {
  std::vector<FieldTerm> terms;
  try {
    terms = server::api::ParseFieldSelector(text);
  } catch (const server::api::FieldSelectorError& error) {
    Require(std::string_view(error.what()).starts_with("invalid "));
    return;
  }
  std::string written;
  for (const FieldTerm& term : terms) written += term.field + (term.equal ? "==" : "!=") + Escape(term.value) + ',';
  Require(Sorted(server::api::ParseFieldSelector(written)) == Sorted(terms));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view query = fuzzing::Text(data, size);
  CheckFieldSelector(query);
  auto target = server::http::ParseRequestTarget("/metric?" + std::string(query));
  Require(target && target->path == "/metric");
  server::http::Request request;
  request.query = std::move(target->query);
  try {
    const auto selector = server::api::ParseListOptions(request);
    Require(!server::api::IsWatch(request));
    Require(selector == metrics::LabelSelector::Parse(request.QueryValue("labelSelector").value_or("")));
  } catch (const server::api::ApiError& error) {
    RequireReadable(error.status());
  }
  return 0;
}
