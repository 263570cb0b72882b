// Structured logs: one event a line, text for a terminal, JSON for whatever collects it.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace server {

enum class LogFormat : std::uint8_t { kAuto, kText, kJson };  // kAuto: text if standard error is a terminal, else JSON.
enum class LogLevel : std::uint8_t { kDebug, kAudit, kInfo, kWarning, kError };  // Each with those after it.

struct LogField {
  std::string_view key;
  std::string_view value;
};

/// Logs go to standard error. Call before other threads start; until then lines are text from level info on.
void ConfigureLog(LogFormat format, LogLevel level);

/// `message` is a constant sentence; what varies is in `fields`. Never pass a secret. Does not block, whatever becomes
/// of standard error. Any thread.
void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});

/// Lines of this level are written, so that it is worth making them. Any thread.
bool LogEnabled(LogLevel level);

/// Lets one line a second through for each key, so that a dead Redis does not fill a disk. Any thread.
/// Keys are a closed set: they are kept for ever.
class LogLimiter {
 public:
  /// Whether to log now; `suppressed` is how many lines were held back since the last one.
  bool Allow(const std::string& key, std::uint64_t& suppressed);

 private:
  struct Entry {
    std::chrono::steady_clock::time_point next;
    std::uint64_t suppressed = 0;
  };
  std::mutex mutex_;
  std::map<std::string, Entry> entries_;  // Guarded by mutex_.
};

}  // namespace server
