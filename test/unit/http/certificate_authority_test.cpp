#include "server/http/certificate_authority.h"

#include <string>

#include "test/support/catch.h"

namespace server::http {
namespace {

TEST_CASE("a certificate is made for names and addresses, and for nothing that only looks so", "[http]") {
  const std::string label(63, 'a');
  for (const std::string& host :
       {std::string("localhost"), std::string("queue-metrics-server.queue-metrics.svc"), std::string("*.example.com"),
        std::string("a_b.C"), std::string("1and1.example"), std::string("127.0.0.1"), std::string("::1"), label,
        label + "." + label + "." + label + "." + std::string(61, 'a')}) {
    INFO(host);
    CHECK(IsCertificateHost(host));
  }
  for (const std::string& host :
       {std::string(), std::string("*"), std::string("a.*.b"), std::string("*."), std::string("-x"),
        std::string("x-.y"), std::string("a..b"), std::string(".a"), std::string("a."), std::string("1.2.3.4.5"),
        std::string("300.1.1.1"), std::string("c d"), std::string("a,DNS:b"), std::string("a:b"), label + "a",
        label + "." + label + "." + label + "." + std::string(62, 'a')}) {
    INFO(host);
    CHECK_FALSE(IsCertificateHost(host));
  }
}

}  // namespace
}  // namespace server::http
