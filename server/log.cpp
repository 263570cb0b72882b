#include "server/log.h"

#include <memory>

#include <spdlog/spdlog.h>
#include <unistd.h>

#include "server/stderr_sink.h"
#include "server/wire/json_writer.h"

namespace server {
namespace {

struct Logger {
  std::shared_ptr<spdlog::logger> spdlog;
  bool json;
};

void TellOfDropped(std::uint64_t count) {
  Log(LogLevel::kWarning, "log lines were dropped, since nobody took them", {{"count", std::to_string(count)}});
}

Logger MakeLogger(bool json, spdlog::level::level_enum level) {
  auto logger = std::make_shared<spdlog::logger>("server", std::make_shared<StderrSink>(&TellOfDropped));
  logger->set_pattern(json ? R"({"ts":"%Y-%m-%dT%H:%M:%S.%eZ",%v})" : "%Y-%m-%dT%H:%M:%S.%eZ %v",
                      spdlog::pattern_time_type::utc);
  logger->set_level(level);
  logger->set_error_handler([](const std::string& /*why*/) {});  // The default one writes to standard error itself.
  return {std::move(logger), json};
}

Logger& CurrentLogger() {
  static Logger logger = MakeLogger(false, spdlog::level::info);
  return logger;
}

/// Only their order counts; spdlog has no level of the audit's name, so that names are ours.
spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::trace;
    case LogLevel::kAudit:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      break;
  }
  return spdlog::level::err;
}

std::string_view Name(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kAudit:
      return "audit";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      break;
  }
  return "error";
}

/// Quoted where a reader could not tell the value's end, or where a byte could draw on a terminal.
void AppendTextValue(std::string& line, std::string_view value) {
  const bool plain = !value.empty() && value.find_first_not_of(
                                           "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                           "0123456789-_.:/,@+*%[]") == std::string_view::npos;
  if (plain) {
    line += value;
  } else {
    wire::JsonWriter(line, wire::JsonStyle::kCompact).String(value);
  }
}

/// The members of a JSON object, without its braces: the time comes before them.
std::string JsonMembers(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  std::string object;
  wire::JsonWriter writer(object, wire::JsonStyle::kCompact);
  writer.BeginObject();
  writer.Member("level", Name(level));
  writer.Member("msg", message);
  for (const LogField& field : fields) {
    writer.Member(field.key, field.value);
  }
  writer.EndObject();
  return object.substr(1, object.size() - 2);
}

std::string TextLine(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  std::string line(Name(level));
  line += ' ';
  line += message;
  for (const LogField& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    AppendTextValue(line, field.value);
  }
  return line;
}

}  // namespace

void ConfigureLog(LogFormat format, LogLevel level) {
  const bool json = format == LogFormat::kJson || (format == LogFormat::kAuto && isatty(STDERR_FILENO) == 0);
  CurrentLogger() = MakeLogger(json, ToSpdlog(level));
}

bool LogEnabled(LogLevel level) { return CurrentLogger().spdlog->should_log(ToSpdlog(level)); }

void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (!LogEnabled(level)) {
    return;
  }
  const Logger& logger = CurrentLogger();
  const std::string line = logger.json ? JsonMembers(level, message, fields) : TextLine(level, message, fields);
  logger.spdlog->log(ToSpdlog(level), "{}", line);
}

bool LogLimiter::Allow(const std::string& key, std::uint64_t& suppressed) {
  constexpr std::chrono::seconds kInterval{1};
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[key];
  if (now < entry.next) {
    ++entry.suppressed;
    return false;
  }
  suppressed = std::exchange(entry.suppressed, 0);
  entry.next = now + kInterval;
  return true;
}

}  // namespace server
