// However the bytes of a head arrive, they are the same head or refused alike; and what is accepted leaves no doubt:
// written out again by its parts, it reads as the same request.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "server/http/request_head.h"
#include "test/fuzz/fuzzing.h"

using fuzzing::Require;
using server::http::FindHeadEnd;
using server::http::HeadError;
using server::http::HeadLimits;
using server::http::ParseHead;
using server::http::RequestHead;

namespace {

// So small that the search reaches them.
const HeadLimits kLimits{.bytes = 1024, .lines = 16};

/// The length of the head as the reactor finds it when `pieces` decides how the bytes arrive.
std::pair<std::size_t, bool> FindInPieces(std::string_view bytes, std::string_view pieces) {
  std::optional<HeadError> error;
  std::size_t received = 0;
  std::size_t scanned = 0;
  for (std::size_t i = 0; received < bytes.size(); ++i) {
    const std::size_t piece = pieces.empty() ? 1 : 1 + static_cast<unsigned char>(pieces[i % pieces.size()]) % 64;
    received = std::min(received + piece, bytes.size());
    const std::size_t length = FindHeadEnd(bytes.substr(0, received), scanned, kLimits, error);
    if (length > 0 || error) return {length, error.has_value()};
    scanned = received;
  }
  return {0, false};
}

bool IsPrintable(char c) { return static_cast<unsigned char>(c) > ' ' && c != '\x7f'; }

std::string Escape(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    escaped += {'%', kDigits[byte / 16], kDigits[byte % 16]};
  }
  return escaped;
}

std::string Render(const RequestHead& head) {
  std::string target = "/";
  for (std::size_t i = 0; i < head.request.segments.size(); ++i) {
    target += (i > 0 ? "/" : "") + Escape(head.request.segments[i]);
  }
  for (std::size_t i = 0; i < head.request.query.size(); ++i) {
    const auto& [name, value] = head.request.query[i];
    target += (i == 0 ? '?' : '&') + Escape(name) + '=' + Escape(value);
  }
  std::string text = head.request.method + ' ' + target + ' ' + head.version + "\r\n";
  for (const auto& [name, value] : head.request.headers) text.append(name).append(": ").append(value).append("\r\n");
  return text + "\r\n";
}

void RequireUnambiguous(const RequestHead& head) {
  Require(head.request.headers.size() <= kLimits.lines);
  Require(std::all_of(head.request.method.begin(), head.request.method.end(), IsPrintable));
  std::size_t hosts = 0;
  std::size_t lengths = 0;
  for (const auto& [name, value] : head.request.headers) {
    Require(!name.empty() && std::all_of(name.begin(), name.end(), IsPrintable));
    Require(name.find(':') == std::string::npos);
    Require(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    Require(server::http::Trim(value) == value);
    const bool length = server::http::EqualsIgnoringCase(name, "Content-Length");
    const bool coding = server::http::EqualsIgnoringCase(name, "Transfer-Encoding");
    hosts += server::http::EqualsIgnoringCase(name, "Host") ? 1 : 0;
    lengths += length || coding ? 1 : 0;
    // A body is never read, so the connection must not be either after one.
    if (coding || (length && value.find_first_not_of('0') != std::string::npos)) Require(head.close);
  }
  Require(lengths <= 1 && hosts <= 1 && (hosts == 1 || head.version == "HTTP/1.0"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzzing::Text(data, size);
  std::optional<HeadError> error;
  const std::size_t length = FindHeadEnd(bytes, 0, kLimits, error);
  Require(length <= kLimits.bytes && length <= size && !(length > 0 && error));
  Require(FindInPieces(bytes, {}) == std::pair(length, error.has_value()));
  Require(FindInPieces(bytes, bytes) == std::pair(length, error.has_value()));
  if (length == 0) return 0;

  const RequestHead head = ParseHead(bytes.substr(0, length), kLimits, error);
  if (error) {
    Require(error->status == 400 || error->status == 431 || error->status == 501 || error->status == 505);
    Require(!error->message.empty());
    return 0;
  }
  RequireUnambiguous(head);
  const std::string rendered = Render(head);
  const RequestHead again = ParseHead(rendered, kLimits, error);
  Require(!error);
  Require(again.request.method == head.request.method && again.version == head.version && again.close == head.close);
  Require(again.request.path == head.request.path && again.request.segments == head.request.segments);
  Require(again.request.query == head.request.query && again.request.headers == head.request.headers);
  return 0;
}
