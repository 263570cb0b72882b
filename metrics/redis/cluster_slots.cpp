#include "metrics/redis/cluster_slots.h"

#include <charconv>
#include <limits>

namespace metrics::redis {
namespace {

constexpr auto kNone = std::string_view::npos;

/// CRC-16/XMODEM, byte by byte.
constexpr std::array<std::uint16_t, 256> kCrcTable = [] {
  std::array<std::uint16_t, 256> table{};
  for (std::size_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t crc = static_cast<std::uint32_t>(byte) << 8U;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000U) != 0 ? (crc << 1U) ^ 0x1021U : crc << 1U;
    table[byte] = static_cast<std::uint16_t>(crc);
  }
  return table;
}();

std::optional<std::uint16_t> ParsePort(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool is_port = error == std::errc() && end == text.data() + text.size() && port != 0;
  return is_port ? std::optional(port) : std::nullopt;
}

RedisEndpoint EndpointAt(std::string_view host, std::uint16_t port, const std::string& asked_host) {
  RedisEndpoint endpoint;
  // "?" stands for a node whose name is preferred to its address, but not configured.
  endpoint.host = host.empty() || host == "?" ? asked_host : std::string(host);
  endpoint.port = port;
  return endpoint;
}

bool IsIn(const Reply& reply, std::int64_t smallest, std::int64_t largest) {
  return reply.type == Reply::Type::kInteger && reply.integer >= smallest && reply.integer <= largest;
}

}  // namespace

std::optional<std::string_view> HashTag(std::string_view key) {
  const auto open = key.find('{');
  if (open == kNone) return std::nullopt;
  const auto close = key.find('}', open + 1);
  if (close == kNone || close == open + 1) return std::nullopt;
  return key.substr(open + 1, close - open - 1);
}

std::uint16_t HashSlot(std::string_view key) {
  key = HashTag(key).value_or(key);
  std::uint32_t crc = 0;
  for (const char c : key) {
    crc = ((crc << 8U) ^ kCrcTable[((crc >> 8U) ^ static_cast<unsigned char>(c)) & 0xFFU]) & 0xFFFFU;
  }
  return static_cast<std::uint16_t>(crc % kHashSlots);
}

std::optional<std::vector<SlotRange>> ParseClusterSlots(const Reply& reply, const std::string& asked_host) {
  if (reply.type != Reply::Type::kArray) return std::nullopt;
  std::vector<SlotRange> ranges;
  ranges.reserve(reply.elements.size());
  for (const Reply& range : reply.elements) {
    // First slot, last slot, the master, and its replicas.
    if (range.elements.size() < 3) return std::nullopt;
    const Reply& first = range.elements[0];
    const Reply& last = range.elements[1];
    const std::vector<Reply>& master = range.elements[2].elements;  // Host, port, and what we do not need.
    if (!IsIn(first, 0, kHashSlots - 1) || !IsIn(last, first.integer, kHashSlots - 1) || master.size() < 2 ||
        !IsIn(master[1], 1, std::numeric_limits<std::uint16_t>::max())) {
      return std::nullopt;
    }
    ranges.push_back({static_cast<std::uint16_t>(first.integer), static_cast<std::uint16_t>(last.integer),
                      EndpointAt(master[0].text, static_cast<std::uint16_t>(master[1].integer), asked_host)});
  }
  return ranges;
}

std::optional<Redirection> ParseRedirection(std::string_view error, const std::string& asked_host) {
  // "MOVED 3999 10.0.0.7:6381"
  const bool is_moved = error.starts_with("MOVED ");
  if (!is_moved && !error.starts_with("ASK ")) return std::nullopt;
  const std::string_view address = error.substr(error.rfind(' ') + 1);
  const auto colon = address.rfind(':');
  if (colon == kNone) return std::nullopt;
  const auto port = ParsePort(address.substr(colon + 1));
  if (!port) return std::nullopt;
  return Redirection{is_moved, EndpointAt(address.substr(0, colon), *port, asked_host)};
}

}  // namespace metrics::redis
