#include "server/certificates/rotation.h"

#include "server/http/certificate_authority.h"
#include "server/http/certificate_facts.h"
#include "test/support/catch.h"

namespace server::certificates {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr hours kDay{24};
const RotationPolicy kPolicy{{"queue-metrics-server.queue-metrics.svc", "127.0.0.1"}, 30 * kDay};

Time Now() { return std::chrono::system_clock::now(); }

std::size_t AuthoritiesOf(const SharedCertificate& shared) {
  return http::SplitCertificates(shared.authorities).size();
}

bool SignedByFirst(const SharedCertificate& shared) { return http::IsIssuedBy(shared.certificate, shared.authorities); }

SharedCertificate FirstOne() { return Renew({}, nullptr, "", kPolicy, Now()); }

SharedCertificate Renew(const SharedCertificate& found, Time now) {
  return Renew(found, nullptr, found.authorities, kPolicy, now);
}

TEST_CASE("out of nothing come an authority and a certificate that it signed, for the hosts") {
  const SharedCertificate made = FirstOne();
  CHECK(IsServable(made, Now()));
  CHECK(AuthoritiesOf(made) == 1);
  CHECK(SignedByFirst(made));
  CHECK(http::KeyFits(made.authorities, made.authority_key));
  CHECK(http::IsForHosts(made.certificate, kPolicy.hosts));
  CHECK_FALSE(http::IsForHosts(made.certificate, {"example.com"}));
  CHECK_FALSE(http::IsForHosts(made.certificate, {"127.0.0.2"}));
  const auto lasts = [](const std::string& certificate) { return http::ValidityOf(certificate).not_after - Now(); };
  CHECK(lasts(made.certificate) > 30 * kDay - minutes(1));
  CHECK(lasts(made.certificate) <= 30 * kDay);
  CHECK(lasts(made.authorities) > 360 * kDay - minutes(1));
}

TEST_CASE("what is in order stays as it is until two thirds of its time are over") {
  const SharedCertificate made = FirstOne();
  CHECK(Renew(made, Now() + 20 * kDay - hours(1)) == made);
  const SharedCertificate renewed = Renew(made, Now() + 20 * kDay + hours(1));
  CHECK(renewed.authorities == made.authorities);
  CHECK(renewed.authority_key == made.authority_key);
  CHECK(renewed.certificate != made.certificate);
  CHECK(renewed.private_key != made.private_key);
  CHECK(SignedByFirst(renewed));
}

TEST_CASE("other hosts need another certificate, fewer do not") {
  const SharedCertificate made = FirstOne();
  RotationPolicy policy = kPolicy;
  policy.hosts = {"127.0.0.1"};
  CHECK(Renew(made, nullptr, made.authorities, policy, Now()) == made);
  policy.hosts = {"127.0.0.1", "*.example.com"};
  const SharedCertificate renewed = Renew(made, nullptr, made.authorities, policy, Now());
  CHECK(http::IsForHosts(renewed.certificate, policy.hosts));
  CHECK(Renew(renewed, nullptr, renewed.authorities, policy, Now()) == renewed);
}

TEST_CASE("no certificate outlives the authority that signs it") {
  const auto authority = http::MakeAuthority(hours(2));
  const auto leaf = http::IssueServingCertificate(authority, {"localhost"}, hours(3));
  CHECK(http::ValidityOf(leaf.certificate).not_after == http::ValidityOf(authority.certificate).not_after);
}

// The times that certificates carry are real ones, so here time passes by shorter lifetimes: an authority of an hour,
// half of which is over, is due in the eyes of a policy like any other.
TEST_CASE("a new authority is announced, waited for, then used, and the old one goes last") {
  const RotationPolicy policy{{"localhost"}, hours(24)};  // Settles in an hour.
  const http::CertifiedKey old_authority = http::MakeAuthority(hours(2));
  const auto old_leaf = http::IssueServingCertificate(old_authority, policy.hosts, hours(2));
  const SharedCertificate old{http::SplitCertificates(old_authority.certificate).front(), old_authority.private_key,
                              old_leaf.certificate, old_leaf.private_key};
  const Time start = Now();

  const SharedCertificate announced = Renew(old, nullptr, old.authorities, policy, start + minutes(81));
  REQUIRE(AuthoritiesOf(announced) == 2);
  CHECK(announced.authorities.ends_with(old.authorities));
  CHECK(announced.authority_key != old.authority_key);
  CHECK(announced.certificate == old.certificate);

  const Time settled = start + minutes(61);
  // It has been there for long enough, but kube-apiserver does not know of it.
  CHECK(Renew(announced, nullptr, old.authorities, policy, settled) == announced);
  // It knows, but not for long enough.
  CHECK(Renew(announced, nullptr, announced.authorities, policy, start + minutes(59)) == announced);

  const SharedCertificate used = Renew(announced, nullptr, announced.authorities, policy, settled);
  CHECK(used.authorities == announced.authorities);
  CHECK(used.certificate != announced.certificate);
  CHECK(SignedByFirst(used));

  CHECK(Renew(used, nullptr, used.authorities, policy, start + minutes(59)) == used);
  const SharedCertificate done = Renew(used, nullptr, used.authorities, policy, start + minutes(62));
  CHECK(AuthoritiesOf(done) == 1);
  CHECK(used.authorities.starts_with(done.authorities));
  CHECK(done.certificate == used.certificate);
  CHECK(Renew(done, nullptr, done.authorities, policy, start + minutes(62)) == done);
}

TEST_CASE("a Secret that was emptied is filled with a new authority and the certificate in use") {
  const SharedCertificate in_use = FirstOne();
  const SharedCertificate filled = Renew({}, &in_use, in_use.authorities, kPolicy, Now());
  CHECK(AuthoritiesOf(filled) == 2);
  CHECK(filled.authorities.ends_with(in_use.authorities));
  CHECK(filled.authority_key != in_use.authority_key);
  CHECK(filled.certificate == in_use.certificate);
  CHECK(IsServable(filled, Now()));
}

TEST_CASE("what is broken is replaced, and nothing else") {
  const SharedCertificate good = FirstOne();
  const SharedCertificate other = FirstOne();
  struct Case {
    const char* what;
    std::string SharedCertificate::*member;
    std::string value;
    bool new_authority;
    bool new_certificate;
  };
  const Case cases[] = {
      {"no authority", &SharedCertificate::authorities, "", true, true},
      {"an authority that is none", &SharedCertificate::authorities, "garbage", true, true},
      {"the authority of another", &SharedCertificate::authorities, other.authorities, true, true},
      {"no authority key", &SharedCertificate::authority_key, "", true, false},
      {"the authority key of another", &SharedCertificate::authority_key, other.authority_key, true, false},
      {"no certificate", &SharedCertificate::certificate, "", false, true},
      {"a certificate cut short", &SharedCertificate::certificate, good.certificate.substr(0, 100), false, true},
      {"the certificate of another", &SharedCertificate::certificate, other.certificate, false, true},
      {"no key", &SharedCertificate::private_key, "", false, true},
      {"the key of another", &SharedCertificate::private_key, other.private_key, false, true},
  };
  for (const Case& c : cases) {
    INFO(c.what);
    SharedCertificate found = good;
    found.*c.member = c.value;
    const SharedCertificate renewed = Renew(found, Now());
    CHECK(IsServable(renewed, Now()));
    CHECK((renewed.authority_key != found.authority_key) == c.new_authority);
    CHECK((renewed.certificate != found.certificate) == c.new_certificate);
    // Whoever serves the good one meanwhile is trusted on.
    CHECK((AuthoritiesOf(renewed) == 1 || renewed.authorities.ends_with(found.authorities)));
  }
}

TEST_CASE("what is over is not trusted, and not served") {
  const SharedCertificate made = FirstOne();
  const Time later = Now() + 400 * kDay;
  CHECK_FALSE(IsServable(made, later));
  const SharedCertificate renewed = Renew(made, &made, made.authorities, kPolicy, later);
  CHECK(AuthoritiesOf(renewed) == 1);
  CHECK(renewed.authority_key != made.authority_key);
}

TEST_CASE("kube-apiserver is to trust the authorities, and others only while the first is new") {
  const SharedCertificate made = FirstOne();
  const std::string stranger = FirstOne().authorities;
  const auto wanted = [&](const std::string& found, Time now) { return WantedCaBundle(made, found, kPolicy, now); };
  const Time later = Now() + minutes(61);
  CHECK(wanted("", Now()) == made.authorities);
  CHECK(wanted("garbage", Now()) == made.authorities);
  CHECK(wanted(stranger, Now()) == made.authorities + stranger);
  CHECK(wanted(made.authorities + stranger, Now()) == made.authorities + stranger);
  CHECK(wanted(stranger, Now() + 400 * kDay) == made.authorities);
  CHECK(wanted(made.authorities + stranger, later) == made.authorities);
}

}  // namespace
}  // namespace server::certificates
