// The layouts that a configuration can name: one table from a name and its options to a QueueLayout.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "metrics/queue_layout.h"

namespace metrics {

struct LayoutOption {
  enum class Type : std::uint8_t { kText, kTexts, kNumbers, kFlag };

  std::string_view name;
  Type type;
  /// Completes "must be ": "the prefix of all keys, such as bull".
  std::string_view meaning;
  /// If a kText can only be one of these.
  std::span<const std::string_view> choices{};
  /// If a list may have nothing in it.
  bool may_be_empty = false;
  /// What may stand in braces for a name, each as "{queue}". Other braces are what keys have in them.
  std::span<const std::string_view> places{};
  /// The one of them that must.
  std::string_view needed_place{};
  /// The option without which this one means nothing.
  std::string_view needed_option{};
};

/// What a configuration says about a layout. The values have the types of the table.
class LayoutOptions {
 public:
  using Numbers = std::vector<std::int64_t>;
  using Texts = std::vector<std::string>;
  using Value = std::variant<std::string, Texts, Numbers, bool>;

  void Set(std::string_view name, Value value) { values_.insert_or_assign(std::string(name), std::move(value)); }

  /// Nothing if it was not said.
  template <typename T>
  std::optional<T> Find(std::string_view name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? std::nullopt : std::optional(std::get<T>(found->second));
  }

  bool operator==(const LayoutOptions&) const = default;
  bool operator<(const LayoutOptions& other) const { return values_ < other.values_; }

 private:
  std::map<std::string, Value, std::less<>> values_;
};

/// Where a framework notes which queues there are: a set.
struct QueueRegistry {
  std::string key;
  /// What its members begin with, before the name of the queue.
  std::string prefix{};
};

struct LayoutKind {
  std::string_view name;
  std::span<const LayoutOption> options;
  std::unique_ptr<const QueueLayout> (*make)(const LayoutOptions& options);
  /// Null if the framework has none.
  QueueRegistry (*registry)(const LayoutOptions& options) = nullptr;
};

/// In the order to list them.
std::span<const LayoutKind> LayoutKinds();

/// Nothing if there is no such layout.
const LayoutKind* FindLayoutKind(std::string_view name);

/// For messages: "by-type, list, …".
std::string LayoutNames();

}  // namespace metrics
