// The seam to kube-apiserver: what the parts that ask it need, and no more.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>

#include "metrics/json.h"

namespace server::kube {

inline constexpr int kNotFound = 404;
inline constexpr int kConflict = 409;

using metrics::Json;
using Deadline = std::chrono::steady_clock::time_point;

struct ApiRequest {
  std::string method;
  std::string path;  // With its query; escaped.
  std::string body;  // Empty for none.
  /// Of the body; for a PATCH it says what kind of patch it is.
  std::string content_type = "application/json";
};

struct ApiResponse {
  int status;
  std::string body;
  std::optional<std::chrono::seconds> retry_after;
};

/// There is no answer. The text is one sentence for the log, with the address asked and no secret.
class ApiError : public std::runtime_error {
 public:
  enum class Kind : std::uint8_t {
    kTimeout,
    kLost,      // The connection broke before the answer was complete: it is worth trying again.
    kTooLarge,  // The answer is larger than anything that is of use here.
    kFailed,    // It could not be asked.
    kStopped,
  };

  ApiError(Kind kind, const std::string& what) : std::runtime_error(what), kind_(kind) {}
  Kind kind() const { return kind_; }

 private:
  Kind kind_;
};

/// Safe to call from several threads at once.
class Api {
 public:
  Api() = default;
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;
  virtual ~Api() = default;

  /// The answer, whatever its status. Throws ApiError; no later than `deadline`, and at once when `stop` is requested.
  virtual ApiResponse Send(const ApiRequest& request, Deadline deadline, const std::stop_token& stop) = 0;

  /// GETs `path` and calls `on_line` with each line of the answer as it arrives, until the answer ends or `on_line`
  /// returns false. Throws ApiError as Send() does, also for any status but 200.
  virtual void Stream(const std::string& path, const std::function<bool(std::string_view line)>& on_line,
                      Deadline deadline, const std::stop_token& stop) = 0;
};

/// `text` as a segment of a path, or as a value in a query.
std::string Escaped(std::string_view text);

/// What an answer that is no success says, in a sentence: the message of its Status object if there is one.
std::string FailureText(const ApiResponse& response);

/// Throws the ApiError that says so.
[[noreturn]] void RejectResponse(const ApiResponse& response);

/// What a 200 or 201 brings. Throws ApiError for every other answer, and for what is not a JSON object.
Json ObjectIn(const ApiResponse& response);

}  // namespace server::kube
