// A real Redis Cluster of a test's own: masters, and as many replicas.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/redis/redis_url.h"
#include "test/support/redis_server.h"

namespace test {

/// Nodes 0, 1, 2 … are masters at first, and the nodes after them their replicas, in the same order. A slot that has no
/// node does not take the others with it.
class RedisCluster {
 public:
  /// Waits until all nodes agree. Throws std::runtime_error.
  explicit RedisCluster(std::size_t masters, bool with_replicas = false);
  /// With TLS for clients and among the nodes. `arguments` say with which files.
  RedisCluster(std::size_t masters, const std::vector<std::string>& arguments);

  RedisServer& node(std::size_t index) { return *nodes_.at(index); }
  /// For clients.
  std::vector<metrics::redis::RedisEndpoint> endpoints() const;

  /// The index of the node that is the master for `key`, as node `asked` sees it.
  std::size_t MasterOf(std::string_view key, std::size_t asked = 0);

  /// Sends a command to the node that has `key`.
  metrics::redis::Reply Command(std::string_view key, std::initializer_list<std::string_view> words);

  /// Begins to move the slot of `key` to the master `to`, moves its keys, and ends to move it.
  void BeginMove(std::string_view key, std::size_t to);
  void MoveKeys(std::string_view key, std::size_t to);
  void EndMove(std::string_view key, std::size_t to);

 private:
  void Start(std::size_t masters, std::size_t count, const std::vector<std::string>& arguments);
  void Meet();
  std::string IdOf(std::size_t index);
  std::string SlotOf(std::string_view key);

  std::vector<std::unique_ptr<RedisServer>> nodes_;
  std::vector<std::uint16_t> bus_ports_;
  std::vector<std::uint16_t> tls_ports_;  // Empty without TLS.
};

}  // namespace test
