#include "server/kube/cluster_config.h"

#include <filesystem>
#include <fstream>

#include "test/support/catch.h"

namespace server::kube {
namespace {

/// With `cluster` and `user` as flow mappings.
std::string Kubeconfig(const std::string& cluster, const std::string& user) {
  return "apiVersion: v1\nkind: Config\ncurrent-context: here\n"
         "contexts: [{name: there, context: {}}, {name: here, context: {cluster: c, user: u, namespace: n}}]\n"
         "clusters: [{name: c, cluster: {" +
         cluster + "}}]\nusers: [{name: u, user: {" + user + "}}]\n";
}

TEST_CASE("in a cluster, the environment and the mounted files are the configuration") {
  const auto config = InClusterConfig("10.0.0.1", "443", "/mounted");
  REQUIRE(config);
  CHECK(config->host == "10.0.0.1");
  CHECK(config->port == 443);
  CHECK(config->ca.file == "/mounted/ca.crt");
  CHECK(config->token.file == "/mounted/token");
  CHECK(config->own_namespace.file == "/mounted/namespace");
  CHECK(InClusterConfig("fd00::1", "6443")->host == "fd00::1");
}

TEST_CASE("without both variables this is no cluster") {
  CHECK_FALSE(InClusterConfig(nullptr, "443"));
  CHECK_FALSE(InClusterConfig("10.0.0.1", nullptr));
  CHECK_FALSE(InClusterConfig("", "443"));
  CHECK_THROWS_AS(InClusterConfig("10.0.0.1", "https"), ConfigError);
}

TEST_CASE("a kubeconfig names a server in every usual way") {
  struct Case {
    const char* url;
    const char* host;
    int port;
    const char* base_path;
  };
  const Case cases[] = {
      {"https://127.0.0.1:6443", "127.0.0.1", 6443, ""},
      {"https://kube.example", "kube.example", 443, ""},
      {"https://kube.example/", "kube.example", 443, ""},
      {"https://[fd00::1]:6443", "fd00::1", 6443, ""},
      {"https://[fd00::1]", "fd00::1", 443, ""},
      {"https://rancher.example/k8s/clusters/c-1", "rancher.example", 443, "/k8s/clusters/c-1"},
  };
  for (const Case& c : cases) {
    INFO(c.url);
    const auto config = ParseKubeconfig(Kubeconfig("server: '" + std::string(c.url) + "'", ""), "/");
    CHECK(config.host == c.host);
    CHECK(config.port == c.port);
    CHECK(config.base_path == c.base_path);
  }
}

TEST_CASE("material is inline, or in files next to the kubeconfig") {
  const auto config = ParseKubeconfig(
      Kubeconfig(
          "server: 'https://a', certificate-authority: pki/ca.crt, tls-server-name: kubernetes",
          "client-certificate-data: Y2VydA==, client-certificate: ignored, client-key: /elsewhere/key, tokenFile: t"),
      "/folder");
  CHECK(config.ca.file == "/folder/pki/ca.crt");
  CHECK(config.tls_server_name == "kubernetes");
  CHECK(config.client_certificate.data == "cert");
  CHECK(config.client_certificate.file.empty());
  CHECK(config.client_key.file == "/elsewhere/key");
  CHECK(config.token.file == "/folder/t");
  CHECK(config.own_namespace.data == "n");
}

TEST_CASE("a token is taken as it is") {
  CHECK(ParseKubeconfig(Kubeconfig("server: 'https://a'", "token: secret"), "/").token.data == "secret");
}

TEST_CASE("what is wrong with a kubeconfig is said") {
  const std::string server = "server: 'https://a'";
  struct Case {
    std::string yaml;
    const char* message;
  };
  const Case cases[] = {
      {"", "it is not a YAML mapping"},
      {"a: [", "end of sequence"},
      {"clusters: []", "current-context is not set"},
      {"current-context: x", "there is no context \"x\""},
      {"current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]", "there is no cluster \"c\""},
      {Kubeconfig("", ""), "server \"\" is not like https://HOST:PORT"},
      {Kubeconfig("server: 'http://a'", ""), "is not like https://HOST:PORT"},
      {Kubeconfig("server: 'https://a:0'", ""), "is not like https://HOST:PORT"},
      {Kubeconfig("server: 'https://u:p@a'", ""), "is not like https://HOST:PORT"},
      {Kubeconfig("server: {}", ""), "server is not a string"},
      {Kubeconfig(server + ", insecure-skip-tls-verify: true", ""), "insecure-skip-tls-verify is not supported"},
      {Kubeconfig(server + ", certificate-authority-data: '%%'", ""), "certificate-authority-data is not base64"},
      {Kubeconfig(server + ", certificate-authority-data: 'QUJ=Q'", ""), "certificate-authority-data is not base64"},
      {Kubeconfig(server, "client-certificate: a"), "client-certificate and client-key go together"},
      {Kubeconfig(server, "exec: {command: aws}"), "exec is not supported"},
      {Kubeconfig(server, "username: a"), "username is not supported"},
  };
  for (const Case& c : cases) {
    INFO(c.yaml);
    CHECK_THROWS_WITH(ParseKubeconfig(c.yaml, "/"), ContainsText(c.message));
  }
  CHECK_THROWS_WITH(ReadKubeconfig("/no/such/file"), ContainsText("cannot read /no/such/file: No such file"));
}

TEST_CASE("material in a file is what the file holds now") {
  const auto file = std::filesystem::temp_directory_path() / "material_test_token";
  const Material material{.data = {}, .file = file};
  std::ofstream(file) << "one";
  CHECK(material.Read() == "one");
  std::ofstream(file) << "two";
  CHECK(material.Read() == "two");
  std::filesystem::remove(file);
  CHECK_THROWS_AS(material.Read(), ConfigError);
}

}  // namespace
}  // namespace server::kube
