// Standard error for a log that must not wait: whoever reads it may stop, and the server has to go on.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

#include <spdlog/sinks/base_sink.h>

namespace server {

/// A line is written by the thread that logs it, unless that would block: then it is kept, up to a mebibyte of them,
/// for a thread that waits in its place. Lines beyond that are dropped.
class StderrSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  /// `on_dropped` is told how many lines were dropped, when there is room again. It may log.
  explicit StderrSink(std::function<void(std::uint64_t)> on_dropped) : on_dropped_(std::move(on_dropped)) {}
  StderrSink(const StderrSink&) = delete;
  StderrSink& operator=(const StderrSink&) = delete;
  /// Waits for what is kept to be taken, but not for ever.
  ~StderrSink() override;

 private:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}

  void Drain(const std::stop_token& stop);

  const std::function<void(std::uint64_t)> on_dropped_;

  // Guarded by mutex_ of the base.
  std::string kept_;
  std::uint64_t dropped_ = 0;
  std::condition_variable_any more_;
  std::jthread writer_;  // Not before it is needed, since it seldom is.
};

}  // namespace server
