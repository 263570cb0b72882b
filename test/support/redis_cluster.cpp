#include "test/support/redis_cluster.h"

#include <chrono>
#include <functional>
#include <stdexcept>
#include <thread>

#include "metrics/redis/cluster_slots.h"

namespace test {
namespace {

constexpr auto kHost = "127.0.0.1";

// For how long a node may be silent, in milliseconds. One that is only slow must not be taken for lost.
constexpr auto kPatient = "30000";
constexpr auto kUntilFailover = "5000";

// After which a handshake of two nodes is made again, should one have been too slow for it.
constexpr std::chrono::seconds kHandshake{5};

void Await(const std::function<bool()>& condition, const char* what) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error(std::string("no ") + what);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

}  // namespace

RedisCluster::RedisCluster(std::size_t masters, bool with_replicas) {
  Start(masters, with_replicas ? 2 * masters : masters, {});
}

RedisCluster::RedisCluster(std::size_t masters, const std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < masters; ++i) tls_ports_.push_back(FreePort());
  Start(masters, masters, arguments);
}

void RedisCluster::Start(std::size_t masters, std::size_t count, const std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < count; ++i) {
    bus_ports_.push_back(FreePort());
    std::vector<std::string> words{"--cluster-enabled",
                                   "yes",
                                   "--cluster-port",
                                   std::to_string(bus_ports_.back()),
                                   "--cluster-node-timeout",
                                   count > masters ? kUntilFailover : kPatient,
                                   "--cluster-require-full-coverage",
                                   "no",
                                   "--cluster-allow-replica-migration",
                                   "no",
                                   "--repl-diskless-sync-delay",
                                   "0"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    if (!tls_ports_.empty()) {
      words.insert(words.end(), {"--tls-cluster", "yes", "--tls-port", std::to_string(tls_ports_[i])});
    }
    nodes_.push_back(std::make_unique<RedisServer>(std::move(words)));
    node(i).Command({"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)});
  }
  for (std::size_t i = 0; i < masters; ++i) {
    const auto first = i * metrics::redis::kHashSlots / masters;
    const auto last = (i + 1) * metrics::redis::kHashSlots / masters - 1;
    node(i).Command({"CLUSTER", "ADDSLOTSRANGE", std::to_string(first), std::to_string(last)});
  }
  Meet();
  const auto all_nodes_see = [&](std::string_view what) {
    for (const auto& server : nodes_) {
      if (server->Command({"CLUSTER", "INFO"}).text.find(what) == std::string::npos) return false;
    }
    return true;
  };
  const std::string known = "cluster_known_nodes:" + std::to_string(count) + "\r";
  auto next_try = std::chrono::steady_clock::now() + kHandshake;
  const auto all_know_all = [&] {
    if (std::chrono::steady_clock::now() >= next_try) {
      Meet();
      next_try += kHandshake;
    }
    return all_nodes_see(known) && all_nodes_see("cluster_slots_assigned:16384");
  };
  Await(all_know_all, "cluster");
  for (std::size_t i = masters; i < count; ++i) node(i).Command({"CLUSTER", "REPLICATE", IdOf(i - masters)});
  for (std::size_t i = masters; i < count; ++i) {
    Await([&] { return node(i).Command({"ROLE"}).elements.at(3).text == "connected"; }, "replica");
  }
  // A master votes only for whom it knows as a replica, and is asked once.
  const auto all_know_replicas = [&] {
    for (const auto& server : nodes_) {
      for (std::size_t i = masters; i < count; ++i) {
        const std::string known_as = server->Command({"CLUSTER", "NODES"}).text;
        const auto line = known_as.find(IdOf(i));
        if (known_as.substr(line, known_as.find('\n', line) - line).find("slave " + IdOf(i - masters)) ==
            std::string::npos)
          return false;
      }
    }
    return true;
  };
  Await(all_know_replicas, "replicas");
  Await([&] { return all_nodes_see("cluster_state:ok"); }, "cluster that works");
}

void RedisCluster::Meet() {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    for (std::size_t j = i + 1; j < nodes_.size(); ++j) {
      node(i).Command({"CLUSTER", "MEET", kHost, std::to_string(node(j).port()), std::to_string(bus_ports_[j])});
    }
  }
}

std::vector<metrics::redis::RedisEndpoint> RedisCluster::endpoints() const {
  std::vector<metrics::redis::RedisEndpoint> endpoints;
  for (const auto& server : nodes_) endpoints.push_back(server->endpoint());
  for (std::size_t i = 0; i < tls_ports_.size(); ++i) endpoints[i].port = tls_ports_[i];
  return endpoints;
}

std::size_t RedisCluster::MasterOf(std::string_view key, std::size_t asked) {
  const auto slot = metrics::redis::HashSlot(key);
  const auto ranges = metrics::redis::ParseClusterSlots(node(asked).Command({"CLUSTER", "SLOTS"}), kHost).value();
  for (const auto& [first, last, master] : ranges) {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (slot >= first && slot <= last && node(i).port() == master.port) return i;
    }
  }
  throw std::runtime_error("no node has the key");
}

metrics::redis::Reply RedisCluster::Command(std::string_view key, std::initializer_list<std::string_view> words) {
  return node(MasterOf(key)).Command(words);
}

void RedisCluster::BeginMove(std::string_view key, std::size_t to) {
  const std::size_t from = MasterOf(key);
  node(to).Command({"CLUSTER", "SETSLOT", SlotOf(key), "IMPORTING", IdOf(from)});
  node(from).Command({"CLUSTER", "SETSLOT", SlotOf(key), "MIGRATING", IdOf(to)});
}

void RedisCluster::MoveKeys(std::string_view key, std::size_t to) {
  RedisServer& from = node(MasterOf(key));
  for (const auto& moved : from.Command({"CLUSTER", "GETKEYSINSLOT", SlotOf(key), "1000"}).elements) {
    from.Command({"MIGRATE", kHost, std::to_string(node(to).port()), moved.text, "0", "10000"});
  }
}

void RedisCluster::EndMove(std::string_view key, std::size_t to) {
  const std::size_t from = MasterOf(key);
  node(to).Command({"CLUSTER", "SETSLOT", SlotOf(key), "NODE", IdOf(to)});
  node(from).Command({"CLUSTER", "SETSLOT", SlotOf(key), "NODE", IdOf(to)});
  const auto all_agree = [&] {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (MasterOf(key, i) != to) return false;
    }
    return true;
  };
  Await(all_agree, "agreement who has the slot");
}

std::string RedisCluster::IdOf(std::size_t index) { return node(index).Command({"CLUSTER", "MYID"}).text; }

std::string RedisCluster::SlotOf(std::string_view key) { return std::to_string(metrics::redis::HashSlot(key)); }

}  // namespace test
