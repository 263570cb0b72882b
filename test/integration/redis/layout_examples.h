// For each layout, a queue written into a real Redis as its framework writes it, and what it holds.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "metrics/queue_layout.h"
#include "test/integration/redis/redis_test.h"
#include "test/support/redis_server.h"

namespace test {

struct LayoutExample {
  /// The layout's name in a configuration.
  std::string name;
  std::shared_ptr<const metrics::QueueLayout> layout;
  std::string queue;
  /// Uses every key that the layout reads. Jobs wait since a minute.
  std::function<void(RedisServer&)> write;
  /// Without the age, as Show() tells them.
  std::string counts;
  /// Who has taken jobs, in the order of their names.
  std::vector<std::string> holders{};
};

const std::vector<LayoutExample>& LayoutExamples();

/// Reads a queue as the server does.
metrics::QueueCounts Read(Client& client, const std::shared_ptr<const metrics::QueueLayout>& layout,
                          const std::string& queue, metrics::QueueParts wanted);

}  // namespace test
