#include "server/audit_log.h"

#include <array>
#include <cstdlib>

#include <sys/wait.h>
#include <unistd.h>

#include "server/log.h"
#include "test/support/catch.h"
#include "test/support/http_request.h"

namespace server {
namespace {

/// What `act` logs at `level`, in a process of its own, since a log cannot be reconfigured while others write to it.
template <typename Act>
std::string Logged(LogLevel level, Act act) {
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    ConfigureLog(LogFormat::kText, level);
    act();
    std::_Exit(EXIT_SUCCESS);
  }
  close(ends[1]);
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t count = 0; (count = read(ends[0], buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(status == 0);
  return text;
}

http::Request Asked() {
  auto request = test::Get("/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/some?labelSelector=queue%3Da",
                           {{"Audit-Id", "id-1"}, {"Authorization", "Bearer secret"}});
  request.remote_address = "10.1.2.3:4";
  return request;
}

TEST_CASE("the audit says who asked what, and what was answered", "[server]") {
  const auto request = Asked();
  const auto info = api::ParseRequestInfo(request);
  const auto lines = Logged(LogLevel::kAudit, [&] {
    const auth::Verdict jane{.user = "jane doe", .proof = auth::Proof::kFrontProxy, .reason = "RBAC: allowed"};
    AuditAnswer(request, info, jane, {404, "", "", {{"Audit-Id", "id-1"}}});
    AuditAnswer(request, info, {}, {401, "", "", {}});
  });
  CHECK_THAT(lines, ContainsText("audit request user=\"jane doe\" proof=front-proxy verb=list "
                                 "path=/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/some selector=\"queue=a\" "
                                 "code=404 reason=\"RBAC: allowed\" audit_id=id-1 address=10.1.2.3:4\n"));
  CHECK_THAT(lines, ContainsText("audit request user=\"\" proof=none verb=list"));
  CHECK_THAT(lines, !ContainsText("secret"));
}

TEST_CASE("the audit is silent unless it is asked for", "[server]") {
  const auto request = Asked();
  CHECK(Logged(LogLevel::kInfo, [&] { AuditAnswer(request, api::ParseRequestInfo(request), {}, {}); }).empty());
}

}  // namespace
}  // namespace server
