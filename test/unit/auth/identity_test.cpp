#include "server/auth/identity.h"

#include "server/http/presented_certificates.h"
#include "test/support/catch.h"
#include "test/support/certificates.h"
#include "test/support/http_request.h"

namespace server::auth {
namespace {

using Groups = std::vector<std::string>;
using Extra = std::map<std::string, std::vector<std::string>>;

const test::Authority& FrontProxyCa() {
  static const test::Authority ca("front-proxy-ca");
  return ca;
}

const test::Authority& ClientCa() {
  static const test::Authority ca("kubernetes");
  return ca;
}

AuthenticationConfig Config() {
  const auto verifier = [](const test::Authority& ca) {
    return std::make_shared<const http::CertificateVerifier>(ca.certificate().pem, "CA");
  };
  return {.front_proxy = FrontProxyTrust{.ca = verifier(FrontProxyCa()),
                                         .allowed_names = {"front-proxy-client"},
                                         .user_headers = {"X-Remote-User", "X-User"},
                                         .uid_headers = {"X-Remote-Uid"},
                                         .group_headers = {"X-Remote-Group", "X-Group"},
                                         .extra_prefixes = {"X-Remote-Extra-"}},
          .client_ca = verifier(ClientCa())};
}

test::CertificateTraits Named(const std::string& name, std::vector<std::string> organizations = {}) {
  test::CertificateTraits traits;
  traits.common_name = name;
  traits.organizations = std::move(organizations);
  traits.key_usages_extended = "clientAuth";
  return traits;
}

http::Request Ask(http::Headers headers, const std::optional<test::Certificate>& certificate = {}) {
  auto request = test::Get("/", std::move(headers));
  if (certificate) {
    request.presented_certificates = std::make_shared<const http::PresentedCertificates>(std::vector{certificate->der});
  }
  return request;
}

/// Knows one token.
std::optional<UserInfo> Owner(std::string_view token) {
  return token == "good" ? std::optional(UserInfo{.name = "robot", .uid = "u", .groups = {"robots"}, .extra = {}})
                         : std::nullopt;
}

std::optional<Identity> Identified(const http::Request& request, const AuthenticationConfig& config = Config()) {
  return Identify(request, &config, Owner, std::chrono::system_clock::now());
}

const test::Certificate& FrontProxy() {
  static const auto certificate = FrontProxyCa().Issue(Named("front-proxy-client"));
  return certificate;
}

TEST_CASE("who proves nothing is anonymous") {
  for (const http::Headers& headers :
       {http::Headers{}, http::Headers{{"X-Remote-User", "admin"}, {"X-Remote-Group", "system:masters"}},
        http::Headers{{"Authorization", "Basic YTpi"}}, http::Headers{{"Authorization", "Bearer  good"}},
        http::Headers{{"Authorization", "Bearer"}}, http::Headers{{"Authorization", "Bearer "}}}) {
    const auto identity = Identified(Ask(headers));
    REQUIRE(identity);
    CHECK(identity->proof == Proof::kNone);
    CHECK(identity->user ==
          UserInfo{.name = "system:anonymous", .uid = {}, .groups = {"system:unauthenticated"}, .extra = {}});
  }
}

TEST_CASE("behind the front proxy's certificate, headers say who it is") {
  const auto identity = Identified(Ask({{"x-remote-user", "jane"},
                                        {"X-Remote-User", "second"},
                                        {"X-Remote-Group", "dev"},
                                        {"X-Group", "late"},
                                        {"X-Remote-Group", ""},
                                        {"x-remote-group", "a,b"},
                                        {"X-Remote-Uid", "u-1"},
                                        {"X-Remote-Extra-Foo%2fBar", "1"},
                                        {"X-Remote-Extra-foo%2Fbar", "2"},
                                        {"X-REMOTE-EXTRA-Scopes", "s"},
                                        {"X-Remote-Extra-Bad%zz%41", "b"}},
                                       FrontProxy()));
  REQUIRE(identity);
  CHECK(identity->proof == Proof::kFrontProxy);
  CHECK(identity->user.name == "jane");
  CHECK(identity->user.uid == "u-1");
  CHECK(identity->user.groups == Groups{"dev", "a,b", "late", "system:authenticated"});
  CHECK(identity->user.extra == Extra{{"foo/bar", {"1", "2"}}, {"scopes", {"s"}}, {"bad%zz%41", {"b"}}});
}

TEST_CASE("the first of the user headers that has a value counts") {
  CHECK(Identified(Ask({{"X-User", "b"}, {"X-Remote-User", "a"}}, FrontProxy()))->user.name == "a");
  CHECK(Identified(Ask({{"X-User", "b"}, {"X-Remote-User", ""}}, FrontProxy()))->user.name == "b");
}

TEST_CASE("the group of everybody authenticated is added once, and never to the unauthenticated") {
  struct Case {
    http::Headers headers;
    Groups groups;
  };
  const Case cases[] = {
      {{{"X-Remote-User", "a"}}, {"system:authenticated"}},
      {{{"X-Remote-User", "a"}, {"X-Remote-Group", "system:authenticated"}}, {"system:authenticated"}},
      {{{"X-Remote-User", "a"}, {"X-Remote-Group", "system:unauthenticated"}}, {"system:unauthenticated"}},
      {{{"X-Remote-User", "system:anonymous"}}, {}},
  };
  for (const Case& c : cases) {
    CHECK(Identified(Ask(c.headers, FrontProxy()))->user.groups == c.groups);
  }
}

TEST_CASE("whose certificate is not the front proxy's cannot speak for others") {
  const http::Headers forged{{"X-Remote-User", "admin"}, {"X-Remote-Group", "system:masters"}};
  struct Case {
    const char* what;
    test::Certificate certificate;
  };
  auto for_servers = Named("front-proxy-client");
  for_servers.key_usages_extended = "serverAuth";
  const Case refused[] = {
      {"another name", FrontProxyCa().Issue(Named("other"))},
      {"the name in other letters", FrontProxyCa().Issue(Named("Front-Proxy-Client"))},
      {"for servers", FrontProxyCa().Issue(for_servers)},
      {"self-signed", test::SelfSigned(Named("front-proxy-client"))},
  };
  for (const Case& c : refused) {
    INFO(c.what);
    CHECK_FALSE(Identified(Ask(forged, c.certificate)));
  }
  const auto identity = Identified(Ask(forged, ClientCa().Issue(Named("front-proxy-client"))));
  REQUIRE(identity);
  CHECK(identity->proof == Proof::kClientCertificate);
  CHECK(identity->user.name == "front-proxy-client");
  CHECK(identity->user.groups == Groups{"system:authenticated"});
}

TEST_CASE("any name will do if the configuration names none") {
  auto config = Config();
  config.front_proxy->allowed_names.clear();
  CHECK(Identified(Ask({{"X-Remote-User", "jane"}}, FrontProxyCa().Issue(Named("other"))), config)->user.name ==
        "jane");
}

TEST_CASE("a client certificate names its user, groups, UID and itself") {
  auto traits = Named("jane", {"dev", "ops"});
  traits.uids = {"u-1"};
  const auto identity = Identified(Ask({}, ClientCa().Issue(traits)));
  REQUIRE(identity);
  CHECK(identity->proof == Proof::kClientCertificate);
  CHECK(identity->user.name == "jane");
  CHECK(identity->user.uid == "u-1");
  CHECK(identity->user.groups == Groups{"dev", "ops", "system:authenticated"});
  const auto& ids = identity->user.extra.at("authentication.kubernetes.io/credential-id");
  REQUIRE(ids.size() == 1);
  CHECK(ids[0].starts_with("X509SHA256="));
  CHECK(ids[0].size() == 11 + 64);
}

TEST_CASE("what follows after certificates that name nobody") {
  const http::Headers token{{"Authorization", "bearer good and more"}};
  SECTION("a token, if there is one") {
    CHECK(Identified(Ask(token, FrontProxy()))->user.name == "robot");
    CHECK(Identified(Ask(token, test::SelfSigned(Named("x"))))->user.name == "robot");
  }
  SECTION("refusal otherwise, since something was claimed") {
    CHECK_FALSE(Identified(Ask({}, FrontProxy())));
    CHECK_FALSE(Identified(Ask({{"Authorization", "Bearer bad"}}, FrontProxy())));
    CHECK_FALSE(Identified(Ask({}, test::SelfSigned(Named("x")))));
  }
  SECTION("nothing at all, if the certificate is good but has no name") {
    auto config = Config();
    config.front_proxy.reset();
    CHECK(Identified(Ask({}, ClientCa().Issue(Named(""))), config)->user.name == "system:anonymous");
    CHECK_FALSE(Identified(Ask({}, ClientCa().Issue(Named("")))));  // It is not the front proxy's.
  }
}

TEST_CASE("a token tells its owner, or is refused") {
  const auto identity = Identified(Ask({{"Authorization", "Bearer good"}, {"Authorization", "Bearer bad"}}));
  REQUIRE(identity);
  CHECK(identity->proof == Proof::kToken);
  CHECK(identity->user ==
        UserInfo{.name = "robot", .uid = "u", .groups = {"robots", "system:authenticated"}, .extra = {}});
  CHECK_FALSE(Identified(Ask({{"Authorization", "Bearer bad"}})));
}

TEST_CASE("without a configuration certificates prove nothing, and showing one is refused") {
  const auto identify = [](const http::Request& request) {
    return Identify(request, nullptr, Owner, std::chrono::system_clock::now());
  };
  CHECK_FALSE(identify(Ask({{"X-Remote-User", "admin"}}, FrontProxy())));
  CHECK_FALSE(identify(Ask({}, ClientCa().Issue(Named("jane")))));
  CHECK(identify(Ask({{"X-Remote-User", "admin"}}))->user.name == "system:anonymous");
  CHECK(identify(Ask({{"Authorization", "Bearer good"}}, FrontProxy()))->user.name == "robot");
}

TEST_CASE("a CA that is not there is not asked") {
  AuthenticationConfig config;
  CHECK(Identified(Ask({{"X-Remote-User", "admin"}}, FrontProxy()), config)->user.name == "system:anonymous");
}

}  // namespace
}  // namespace server::auth
