#include "metrics/redis/error_reply.h"

#include <string>

#include "test/support/catch.h"

namespace metrics::redis {
namespace {

TEST_CASE("the first word of an error reply tells what kind it is", "[redis]") {
  struct Case {
    std::string error;
    UnavailableKind kind;
  };
  const auto example = GENERATE(values<Case>({
      {"WRONGTYPE Operation against a key holding the wrong kind of value", UnavailableKind::kWrongType},
      {"NOAUTH Authentication required.", UnavailableKind::kAuth},
      {"WRONGPASS invalid username-password pair or user is disabled.", UnavailableKind::kAuth},
      {"NOPERM this user has no permissions to run the 'llen' command", UnavailableKind::kAuth},
      {"DENIED Redis is running in protected mode", UnavailableKind::kAuth},
      {"LOADING Redis is loading the dataset in memory", UnavailableKind::kLoading},
      {"MASTERDOWN Link with MASTER is down", UnavailableKind::kLoading},
      {"CLUSTERDOWN The cluster is down", UnavailableKind::kLoading},
      {"TRYAGAIN Multiple keys request during rehashing of slot", UnavailableKind::kLoading},
      {"BUSY Redis is busy running a script", UnavailableKind::kLoading},
      {"ERR unknown command", UnavailableKind::kServer},
      {"MOVED 3999 127.0.0.1:6381", UnavailableKind::kLoading},
      {"LOADINGS", UnavailableKind::kServer},
      {"noauth", UnavailableKind::kServer},
      {"NOAUTH", UnavailableKind::kAuth},
      {"", UnavailableKind::kServer},
  }));
  INFO(example.error);
  CHECK(KindOfError(example.error) == example.kind);
}

TEST_CASE("a quoted error is printable and bounded", "[redis]") {
  CHECK(QuoteError("ERR a \"b\"\x01\xff") == R"("ERR a \"b\"\x01\xff")");
  CHECK(QuoteError(std::string(10'000, 'x')).size() == 202);
}

}  // namespace
}  // namespace metrics::redis
