#include "server/auth/authentication_config.h"

#include <stdexcept>
#include <utility>

#include "server/kube/api.h"

namespace server::auth {
namespace {

std::string Value(const kube::ConfigMapData& data, const std::string& key) {
  const auto found = data.find(key);
  return found == data.end() ? "" : found->second;
}

/// The JSON list at `key`; empty if there is nothing.
std::vector<std::string> ReadList(const kube::ConfigMapData& data, const std::string& key) {
  const std::string text = Value(data, key);
  if (text.empty()) {
    return {};
  }
  const auto json = kube::Json::Parse(text);
  auto list = json ? json->Strings() : std::nullopt;
  if (!list) {
    throw std::runtime_error(key + " is not a JSON list of strings");
  }
  return *std::move(list);
}

std::shared_ptr<const http::CertificateVerifier> ReadCa(const kube::ConfigMapData& data, const std::string& key) {
  return std::make_shared<const http::CertificateVerifier>(Value(data, key), key);
}

constexpr const char* kFrontProxyCa = "requestheader-client-ca-file";
constexpr const char* kClientCa = "client-ca-file";

FrontProxyTrust ReadFrontProxy(const kube::ConfigMapData& data) {
  return {.ca = ReadCa(data, kFrontProxyCa),
          .allowed_names = ReadList(data, "requestheader-allowed-names"),
          .user_headers = ReadList(data, "requestheader-username-headers"),
          .uid_headers = ReadList(data, "requestheader-uid-headers"),
          .group_headers = ReadList(data, "requestheader-group-headers"),
          .extra_prefixes = ReadList(data, "requestheader-extra-headers-prefix")};
}

}  // namespace

AuthenticationConfig UpdatedConfig(const AuthenticationConfig& last, const kube::ConfigMapData& data,
                                   std::vector<std::string>& problems) {
  AuthenticationConfig config = last;
  if (!Value(data, kFrontProxyCa).empty()) {
    try {
      config.front_proxy = ReadFrontProxy(data);
    } catch (const std::runtime_error& error) {
      problems.emplace_back(error.what());
    }
  }
  if (!Value(data, kClientCa).empty()) {
    try {
      config.client_ca = ReadCa(data, kClientCa);
    } catch (const std::runtime_error& error) {
      problems.emplace_back(error.what());
    }
  }
  return config;
}

std::shared_ptr<const AuthenticationConfig> AuthenticationConfigHolder::Current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

std::optional<std::string> AuthenticationConfigHolder::NotReady() const {
  const std::lock_guard lock(mutex_);
  return current_ ? std::nullopt : std::optional(problem_);
}

AuthenticationConfigHolder::Change AuthenticationConfigHolder::Apply(const kube::ConfigMapData& data) {
  // Only the thread of the watch comes here, so nobody else changes what is read before the lock.
  if (current_ && data == applied_) {
    return {.changed = false, .problems = {}};
  }
  Change change{.changed = true, .problems = {}};
  auto config = std::make_shared<const AuthenticationConfig>(
      UpdatedConfig(current_ ? *current_ : AuthenticationConfig{}, data, change.problems));
  const bool trusts_somebody = config->front_proxy || config->client_ca;
  if (!trusts_somebody && change.problems.empty()) {
    change.problems.emplace_back("there is no CA in it");
  }
  const std::lock_guard lock(mutex_);
  applied_ = data;
  if (trusts_somebody) {
    current_ = std::move(config);
  } else {
    problem_ = change.problems.front();
  }
  return change;
}

void AuthenticationConfigHolder::Fail(std::string_view cause) {
  const std::lock_guard lock(mutex_);
  problem_ = cause;
}

}  // namespace server::auth
