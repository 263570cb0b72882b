// The seam between what is measured and how it is served. Everything above it speaks Kubernetes, everything below it
// speaks Redis; only the plain data of this file crosses.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "metrics/label_selector.h"

namespace metrics {

/// Labels of one sample; ordered bytewise by key, as Kubernetes prints them.
using Labels = std::map<std::string, std::string, std::less<>>;

/// One reading of one queue.
struct MetricSample {
  Labels labels;
  /// Jobs, or whole seconds for an age; never negative.
  std::int64_t value = 0;
  /// When the value was read, not when it was answered.
  std::chrono::system_clock::time_point timestamp;
};

struct MetricQuery {
  /// The namespace of whoever asks: it limits which queues may be seen.
  std::string ns;
  /// Lower case: client-go lower-cases metric names, so the server does too.
  std::string metric;
  LabelSelector selector;
  /// No answer is of use after this.
  std::chrono::steady_clock::time_point deadline;
  /// If it is set, only what was asked of the queue since then will do: nothing that is kept from before, or that the
  /// configuration wants answered for a queue that cannot be read.
  std::chrono::steady_clock::time_point not_before = std::chrono::steady_clock::time_point::min();

  bool TakesOnlyNew() const { return not_before > std::chrono::steady_clock::time_point::min(); }
};

/// Nobody configured such a metric or queue, or this namespace may not see it. The text says what is known.
struct MetricNotFound {
  std::string text;
};

/// The same, thrown by those who look for it.
class MetricNotFoundError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Why a value could not be known; the label `kind` of the server's own telemetry, hence a closed set.
enum class UnavailableKind : std::uint8_t {
  kTimeout,     // no answer before the deadline
  kConnection,  // no connection, or it was lost
  kProtocol,    // an answer that is not RESP, or not the one the command gives
  kAuth,        // NOAUTH, WRONGPASS, NOPERM
  kLoading,     // LOADING, MASTERDOWN, CLUSTERDOWN: the server is up but cannot answer yet
  kWrongType,   // the key holds something that is not a queue
  kServer,      // any other error reply
  kTooLarge,    // an answer of more than is read
  kOverload,    // not asked, because too much waits for an answer already
};

/// The name of `kind` in telemetry and logs: "timeout", "wrong_type", …
std::string_view Name(UnavailableKind kind);

/// The value exists but cannot be known now. The text is one sentence for the client and holds no secret.
struct MetricUnavailable {
  UnavailableKind kind;
  std::string text;
};

/// When there is no memory to find out, or to say more: making it needs none.
inline MetricUnavailable NoMemory() { return {UnavailableKind::kServer, "out of memory"}; }

/// The same, thrown by those who make sense of answers.
class MetricUnavailableError : public std::runtime_error {
 public:
  MetricUnavailableError(UnavailableKind kind, const std::string& what) : std::runtime_error(what), kind_(kind) {}
  UnavailableKind kind() const noexcept { return kind_; }

 private:
  UnavailableKind kind_;
};

/// One sample for each queue the query selects, never none; all of them or an error: a partial sum would be a lie.
using MetricResult = std::variant<std::vector<MetricSample>, MetricNotFound, MetricUnavailable>;
/// Must be quick and must not throw: whoever calls it has others to serve.
using MetricCallback = std::function<void(MetricResult)>;

/// The names of those who have taken jobs, as their framework notes them; or that it does not, or why they cannot be
/// known.
using HoldersResult = std::variant<std::vector<std::string>, MetricNotFound, MetricUnavailable>;
using HoldersCallback = std::function<void(HoldersResult)>;

/// Lengths of the work queues, wherever they are kept.
/// Safe to call from several threads at once.
class MetricProvider {
 public:
  MetricProvider() = default;
  MetricProvider(const MetricProvider&) = delete;
  MetricProvider& operator=(const MetricProvider&) = delete;
  virtual ~MetricProvider() = default;

  /// Never blocks. Calls back exactly once: in this call if the answer is known, else in whatever thread brings it,
  /// when `query.deadline` comes at the latest.
  virtual void Get(MetricQuery query, MetricCallback callback) = 0;

  /// As Get(), about the same queues: who has taken their jobs. The metric does not matter.
  virtual void GetHolders(MetricQuery query, HoldersCallback callback) = 0;

  /// Names of the metrics on offer, sorted. Never blocks.
  virtual std::vector<std::string> List() const = 0;
};

}  // namespace metrics
