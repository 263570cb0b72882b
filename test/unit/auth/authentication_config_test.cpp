#include "server/auth/authentication_config.h"

#include <utility>

#include "test/support/catch.h"
#include "test/support/certificates.h"

namespace server::auth {
namespace {

const test::Authority& FrontProxyCa() {
  static const test::Authority ca("front-proxy-ca");
  return ca;
}

const test::Authority& ClientCa() {
  static const test::Authority ca("kubernetes");
  return ca;
}

kube::ConfigMapData Good() {
  return {{"client-ca-file", ClientCa().certificate().pem},
          {"requestheader-client-ca-file", FrontProxyCa().certificate().pem},
          {"requestheader-allowed-names", R"(["front-proxy-client"])"},
          {"requestheader-username-headers", R"(["X-Remote-User"])"},
          {"requestheader-group-headers", R"(["X-Remote-Group"])"},
          {"requestheader-extra-headers-prefix", R"(["X-Remote-Extra-"])"}};
}

kube::ConfigMapData With(const std::string& key, const std::string& value) {
  auto data = Good();
  data[key] = value;
  return data;
}

using Names = std::vector<std::string>;

TEST_CASE("the ConfigMap as kube-apiserver writes it") {
  std::vector<std::string> problems;
  const auto config = UpdatedConfig({}, Good(), problems);
  CHECK(problems.empty());
  CHECK(config.client_ca);
  REQUIRE(config.front_proxy);
  CHECK(config.front_proxy->allowed_names == Names{"front-proxy-client"});
  CHECK(config.front_proxy->user_headers == Names{"X-Remote-User"});
  CHECK(config.front_proxy->group_headers == Names{"X-Remote-Group"});
  CHECK(config.front_proxy->extra_prefixes == Names{"X-Remote-Extra-"});
  CHECK(config.front_proxy->uid_headers.empty());
}

TEST_CASE("missing, empty and [] all name nobody in particular") {
  for (const char* value : {"", "[]"}) {
    std::vector<std::string> problems;
    const auto config = UpdatedConfig({}, With("requestheader-allowed-names", value), problems);
    CHECK(problems.empty());
    CHECK(config.front_proxy->allowed_names.empty());
  }
}

TEST_CASE("a kube-apiserver without a front proxy, or without a client CA") {
  std::vector<std::string> problems;
  const auto config = UpdatedConfig({}, {{"client-ca-file", ClientCa().certificate().pem}}, problems);
  CHECK(problems.empty());
  CHECK(config.client_ca);
  CHECK_FALSE(config.front_proxy);
  CHECK_FALSE(UpdatedConfig({}, {}, problems).client_ca);
  CHECK(problems.empty());
}

TEST_CASE("what is gone or empty leaves the last good configuration as it was") {
  std::vector<std::string> problems;
  const auto last = UpdatedConfig({}, Good(), problems);
  for (const kube::ConfigMapData& data :
       {kube::ConfigMapData{}, With("client-ca-file", ""), With("requestheader-client-ca-file", "")}) {
    const auto config = UpdatedConfig(last, data, problems);
    CHECK(config.client_ca);
    CHECK(config.front_proxy);
  }
  CHECK(problems.empty());
}

TEST_CASE("a broken part is told, and replaced neither whole nor in parts; the other part is taken") {
  std::vector<std::string> problems;
  const auto last = UpdatedConfig({}, Good(), problems);
  struct Case {
    const char* key;
    const char* value;
  };
  for (const auto& [key, value] :
       {Case{"requestheader-client-ca-file", "garbage"}, Case{"requestheader-allowed-names", "front-proxy-client"},
        Case{"requestheader-username-headers", R"({"a":1})"}, Case{"requestheader-group-headers", "[1]"}}) {
    problems.clear();
    const auto config = UpdatedConfig(last, With(key, value), problems);
    REQUIRE(problems.size() == 1);
    CHECK_THAT(problems[0], Catch::Matchers::StartsWith(key));
    CHECK(config.front_proxy->ca == last.front_proxy->ca);
    CHECK(config.front_proxy->allowed_names == Names{"front-proxy-client"});
    CHECK(config.client_ca != last.client_ca);
  }
  problems.clear();
  const auto config = UpdatedConfig(last, With("client-ca-file", "garbage"), problems);
  CHECK(problems.size() == 1);
  CHECK(config.client_ca == last.client_ca);
  CHECK(config.front_proxy->ca != last.front_proxy->ca);
}

TEST_CASE("the holder is ready with the first CA, and says until then why not") {
  AuthenticationConfigHolder holder;
  CHECK(holder.NotReady() == "it was not read yet");
  CHECK_FALSE(holder.Current());
  holder.Fail("nobody there");
  CHECK(holder.NotReady() == "nobody there");
  CHECK(holder.Apply({}).problems == Names{"there is no CA in it"});
  CHECK(holder.NotReady() == "there is no CA in it");
  CHECK(holder.Apply({{"client-ca-file", "garbage"}}).problems.size() == 1);
  CHECK_FALSE(holder.Current());
  CHECK(holder.Apply(Good()).changed);
  CHECK_FALSE(holder.NotReady());
  holder.Fail("nobody there any more");
  CHECK_FALSE(holder.NotReady());
  CHECK(holder.Current());
}

TEST_CASE("the same data again is no change, so that verdicts on certificates last") {
  AuthenticationConfigHolder holder;
  holder.Apply(Good());
  const auto before = holder.Current();
  CHECK_FALSE(holder.Apply(Good()).changed);
  CHECK(holder.Current() == before);
  CHECK(holder.Apply(With("requestheader-allowed-names", "[]")).changed);
  CHECK(holder.Current() != before);
}

}  // namespace
}  // namespace server::auth
