// What Redis itself says it was asked.
#pragma once

#include <string>

#include "test/support/redis_server.h"

namespace test {

/// How often `command` ("llen", "cluster|slots") was called, by INFO.
inline int CallsOf(RedisServer& server, const std::string& command) {
  const std::string stats = server.Command({"INFO", "commandstats"}).text;
  const std::string before = "cmdstat_" + command + ":calls=";
  const auto found = stats.find(before);
  return found == std::string::npos ? 0 : std::stoi(stats.substr(found + before.size()));
}

}  // namespace test
