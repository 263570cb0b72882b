#include "server/http/certificate_verifier.h"

#include <atomic>
#include <chrono>
#include <initializer_list>
#include <latch>
#include <thread>
#include <vector>

#include "test/support/catch.h"
#include "test/support/certificates.h"

namespace server::http {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using std::chrono::system_clock;

test::CertificateTraits Client(const std::string& name) {
  test::CertificateTraits traits;
  traits.common_name = name;
  traits.key_usages_extended = "clientAuth";
  return traits;
}

PresentedCertificates Present(std::initializer_list<test::Certificate> chain) {
  std::vector<std::string> der;
  for (const test::Certificate& certificate : chain) {
    der.push_back(certificate.der);
  }
  return PresentedCertificates(std::move(der));
}

TEST_CASE("a certificate of the pool tells its owner") {
  const test::Authority ca("ca");
  const CertificateVerifier verifier(ca.certificate().pem, "the pool");
  auto traits = Client("jane");
  traits.organizations = {"dev", "ops"};
  traits.uids = {"u-1"};
  const auto presented = Present({ca.Issue(traits)});
  const auto owner = verifier.Verify(presented, system_clock::now());
  REQUIRE(owner);
  CHECK(owner->common_name == "jane");
  CHECK(owner->organizations == std::vector<std::string>{"dev", "ops"});
  CHECK(owner->uid == "u-1");
  CHECK(owner->sha256.size() == 64);
  CHECK(presented.vouched_for());
}

TEST_CASE("what a certificate must be, besides of the pool") {
  const test::Authority ca("ca");
  const test::Authority stranger("ca");  // The same name, another key.
  const CertificateVerifier verifier(ca.certificate().pem, "the pool");
  const auto with = [](auto change) {
    auto traits = Client("jane");
    change(traits);
    return traits;
  };
  struct Case {
    const char* what;
    test::Certificate certificate;
    bool valid;
  };
  const Case cases[] = {
      {"for clients", ca.Issue(Client("jane")), true},
      {"for anything, by not saying", ca.Issue(with([](auto& t) { t.key_usages_extended.clear(); })), true},
      {"for anything, by saying so", ca.Issue(with([](auto& t) { t.key_usages_extended = "anyExtendedKeyUsage"; })),
       true},
      {"for servers and clients", ca.Issue(with([](auto& t) { t.key_usages_extended = "serverAuth,clientAuth"; })),
       true},
      {"for servers", ca.Issue(with([](auto& t) { t.key_usages_extended = "serverAuth"; })), false},
      {"expired", ca.Issue(with([](auto& t) { t.ends = seconds(-60); })), false},
      {"not valid yet", ca.Issue(with([](auto& t) { t.begins = seconds(60); })), false},
      {"with two UIDs", ca.Issue(with([](auto& t) {
         t.uids = {"a", "b"};
       })),
       false},
      {"of a CA of the same name", stranger.Issue(Client("jane")), false},
      {"of itself", test::SelfSigned(Client("jane")), false},
      {"garbage", {.pem = {}, .key_pem = {}, .der = "no certificate"}, false},
  };
  for (const Case& c : cases) {
    INFO(c.what);
    CHECK((verifier.Verify(Present({c.certificate}), system_clock::now()) != nullptr) == c.valid);
  }
}

TEST_CASE("a certificate issued by another client's certificate is worth nothing") {
  const test::Authority ca("ca");
  const CertificateVerifier verifier(ca.certificate().pem, "the pool");
  const test::Authority not_a_ca("jane");
  const auto child = not_a_ca.Issue(Client("root"));
  CHECK_FALSE(verifier.Verify(Present({child, ca.Issue(Client("jane"))}), system_clock::now()));
}

TEST_CASE("an intermediate CA counts if it was presented, or is in the pool itself") {
  const test::Authority root("root");
  const test::Authority intermediate = root.IssueAuthority("intermediate");
  const auto leaf = intermediate.Issue(Client("jane"));
  const auto now = system_clock::now();
  const CertificateVerifier trusts_root(root.certificate().pem, "the pool");
  CHECK(trusts_root.Verify(Present({leaf, intermediate.certificate()}), now));
  CHECK_FALSE(trusts_root.Verify(Present({leaf}), now));
  const CertificateVerifier trusts_intermediate(intermediate.certificate().pem, "the pool");
  CHECK(trusts_intermediate.Verify(Present({leaf}), now));
}

TEST_CASE("a bundle of several CAs trusts each of them, although all have the same name") {
  const test::Authority before("ca");
  const test::Authority after("ca");
  const CertificateVerifier verifier(before.certificate().pem + "\n" + after.certificate().pem, "the pool");
  const auto now = system_clock::now();
  CHECK(verifier.Verify(Present({before.Issue(Client("a"))}), now));
  CHECK(verifier.Verify(Present({after.Issue(Client("b"))}), now));
}

TEST_CASE("a verdict is kept no longer than it can stand") {
  const test::Authority ca("ca");
  const CertificateVerifier verifier(ca.certificate().pem, "the pool");
  auto traits = Client("jane");
  traits.ends = seconds(60);
  const auto presented = Present({ca.Issue(traits)});
  const auto now = system_clock::now();
  const auto owner = verifier.Verify(presented, now);
  REQUIRE(owner);
  CHECK(verifier.Verify(presented, now + seconds(30)) == owner);
  CHECK_FALSE(verifier.Verify(presented, now + seconds(90)));
  CHECK_FALSE(verifier.Verify(presented, now - hours(2)));
  CHECK(verifier.Verify(presented, now));
}

TEST_CASE("verifiers do not take each other's verdicts") {
  const test::Authority ca("ca");
  const test::Authority other("other");
  const auto presented = Present({ca.Issue(Client("jane"))});
  const auto now = system_clock::now();
  for (int i = 0; i < 3; ++i) {
    const CertificateVerifier trusts(ca.certificate().pem, "the pool");
    const CertificateVerifier trusts_others(other.certificate().pem, "the pool");
    CHECK(trusts.Verify(presented, now));
    CHECK_FALSE(trusts_others.Verify(presented, now));
  }
}

TEST_CASE("threads that meet at a new pool do not disturb each other") {
  // ThreadSanitizer is the judge of this one.
  auto traits = Client("jane");
  traits.key_identifiers = true;  // OpenSSL compares them outside of its lock.
  const test::Authority ca(test::CertificateTraits{.common_name = "ca", .key_identifiers = true});
  const test::Certificate jane = ca.Issue(traits);
  for (int round = 0; round < 20; ++round) {
    const CertificateVerifier verifier(ca.certificate().pem, "the pool");
    std::atomic<int> right = 0;
    {
      std::latch start(4);
      std::vector<std::jthread> threads;
      for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
          const auto presented = Present({jane});
          start.arrive_and_wait();
          right += verifier.Verify(presented, system_clock::now()) ? 1 : 0;
        });
      }
    }
    CHECK(right == 4);
  }
}

TEST_CASE("a pool without a usable certificate is an error with its name") {
  const std::string pem = test::Authority("ca").certificate().pem;
  for (const std::string& broken : {std::string(), std::string("nothing"), pem.substr(0, pem.size() / 2),
                                    pem + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}) {
    INFO(broken);
    CHECK_THROWS_WITH(CertificateVerifier(broken, "the pool"), Catch::Matchers::StartsWith("the pool"));
  }
}

}  // namespace
}  // namespace server::http
