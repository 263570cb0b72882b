// Remembers, in their order, the lines that a test's callbacks give it from whatever thread.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace test {

class EntryLog {
 public:
  void Add(std::string entry) {
    const std::lock_guard lock(mutex_);
    entries_.push_back(std::move(entry));
  }

  /// Whether there are `count` at least.
  bool Has(std::size_t count) const { return entries().size() >= count; }

  std::vector<std::string> entries() const {
    const std::lock_guard lock(mutex_);
    return entries_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> entries_;
};

}  // namespace test
