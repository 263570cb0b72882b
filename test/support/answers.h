// Redis as a table from commands to replies, for tests of layouts: what is asked, and what is made of the answers.
#pragma once

#include <algorithm>
#include <chrono>
#include <list>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "metrics/queue_layout.h"
#include "metrics/redis/reply.h"
#include "metrics/redis/resp.h"

namespace test {

using metrics::redis::Reply;

/// When the tests of layouts take place: 2027-01-15T08:00:00Z.
constexpr std::int64_t kNowSeconds = 1'800'000'000;
constexpr std::chrono::system_clock::time_point kNow{std::chrono::seconds(kNowSeconds)};

inline Reply Nil() { return {}; }
inline Reply Number(std::int64_t number) { return {.type = Reply::Type::kInteger, .integer = number}; }
inline Reply Text(std::string text) { return {.type = Reply::Type::kString, .text = std::move(text)}; }
inline Reply Error(std::string text) { return {.type = Reply::Type::kError, .text = std::move(text)}; }
inline Reply Array(std::vector<Reply> elements) {
  return {.type = Reply::Type::kArray, .elements = std::move(elements)};
}
/// As HMGET answers: "" for a field that is not there.
inline Reply Fields(const std::vector<std::string>& texts) {
  std::vector<Reply> fields;
  for (const std::string& text : texts) fields.push_back(text.empty() ? Nil() : Text(text));
  return {.type = Reply::Type::kArray, .elements = std::move(fields)};
}

inline Reply Texts(const std::vector<std::string>& texts) {
  std::vector<Reply> elements;
  for (const std::string& text : texts) elements.push_back(Text(text));
  return Array(std::move(elements));
}

/// As a layout takes them. `replies` must outlive what is returned.
inline std::vector<const Reply*> PointersTo(const std::vector<Reply>& replies) {
  std::vector<const Reply*> pointers;
  for (const Reply& reply : replies) pointers.push_back(&reply);
  return pointers;
}

/// The commands of a batch, their words with a space in between.
inline std::vector<std::string> Commands(const metrics::redis::Batch& batch) {
  metrics::redis::ReplyReader reader;
  reader.Feed(batch.bytes());
  std::vector<std::string> commands;
  for (Reply command; reader.Next(command);) {
    std::string& text = commands.emplace_back();
    for (const Reply& word : command.elements) text += (text.empty() ? "" : " ") + word.text;
  }
  return commands;
}

class Answers {
 public:
  /// What is not in the table is answered like a key that does not exist.
  explicit Answers(std::map<std::string, Reply> replies) : replies_(std::move(replies)) {}

  /// Reads a queue to the end.
  metrics::QueueCounts Read(const metrics::QueueLayout& layout, std::string_view queue, metrics::QueueParts wanted) {
    const metrics::QueueRead read{.queue = queue, .wanted = wanted, .now = kNow};
    std::list<Reply> received;
    std::vector<const Reply*> replies;
    metrics::redis::Batch batch;
    layout.Ask(read, batch);
    for (;;) {
      rounds_.push_back(Commands(batch));
      if (rounds_.back().empty()) throw std::logic_error("a round without commands");
      for (const std::string& command : rounds_.back()) replies.push_back(&received.emplace_back(ReplyTo(command)));
      batch = {};
      if (const auto counts = layout.Count(read, replies, batch)) return *counts;
    }
  }

  /// In round `round`, from 1 on, the reply becomes another before it is asked for.
  void ChangeIn(std::size_t round, const std::string& command, Reply reply) {
    changes_[round].emplace_back(command, std::move(reply));
  }

  /// What was asked so far.
  const std::vector<std::vector<std::string>>& rounds() const { return rounds_; }

 private:
  Reply ReplyTo(const std::string& command) {
    if (const auto changes = changes_.find(rounds_.size()); changes != changes_.end()) {
      for (auto& [changed, reply] : changes->second) replies_[changed] = reply;
      changes_.erase(changes);
    }
    if (const auto found = replies_.find(command); found != replies_.end()) return found->second;
    const std::string name = command.substr(0, command.find(' '));
    if (name == "GET" || name == "HGET" || name == "LINDEX") return Nil();
    if (name == "HMGET") {
      const auto words = static_cast<std::size_t>(std::count(command.begin(), command.end(), ' '));
      return Fields(std::vector<std::string>(words - 1));  // Without the key.
    }
    if (name == "XINFO") return Error("ERR no such key");
    if (name == "XPENDING") return Error("NOGROUP No such key");
    const bool gives_list = name == "LRANGE" || name == "ZRANGE" || name == "ZRANGEBYSCORE" || name == "SRANDMEMBER" ||
                            name == "HRANDFIELD" || name == "HKEYS" || name == "HVALS" || name == "XRANGE";
    return gives_list ? Array({}) : Number(0);
  }

  std::map<std::string, Reply> replies_;
  std::map<std::size_t, std::vector<std::pair<std::string, Reply>>> changes_;
  std::vector<std::vector<std::string>> rounds_;
};

inline constexpr metrics::QueueParts kAllParts{.waiting = true, .in_flight = true, .delayed = true, .oldest_age = true};

/// "waiting 3, in flight 2, delayed 1, oldest 60", of those parts that the layout offers.
inline std::string Show(const metrics::QueueParts& parts, const metrics::QueueCounts& counts) {
  std::string text;
  const auto add = [&text](bool offered, std::string_view name, std::int64_t count) {
    if (offered) text += (text.empty() ? "" : ", ") + std::string(name) + " " + std::to_string(count);
  };
  add(parts.waiting, "waiting", counts.waiting);
  add(parts.in_flight, "in flight", counts.in_flight);
  add(parts.delayed, "delayed", counts.delayed);
  add(parts.oldest_age, "oldest", counts.oldest_age.count());
  return text;
}

/// All that `layout` offers of `queue`, by these answers.
inline std::string ShowAll(const metrics::QueueLayout& layout, std::string_view queue,
                           std::map<std::string, Reply> replies) {
  return Show(layout.Offers(), Answers(std::move(replies)).Read(layout, queue, layout.Offers()));
}

}  // namespace test
