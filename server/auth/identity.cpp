#include "server/auth/identity.h"

#include <algorithm>
#include <utility>

#include "server/auth/request_traits.h"

namespace server::auth {
namespace {

constexpr std::string_view kAnonymous = "system:anonymous";
constexpr std::string_view kAuthenticated = "system:authenticated";
constexpr std::string_view kUnauthenticated = "system:unauthenticated";

bool Contains(const std::vector<std::string>& list, std::string_view text) {
  return std::ranges::find(list, text) != list.end();
}

/// Of the first of these headers that has one. Only the first line of a header counts.
std::string FirstValue(const http::Request& request, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (const auto value = request.Header(name); value && !value->empty()) {
      return std::string(*value);
    }
  }
  return "";
}

std::vector<std::string> AllValues(const http::Request& request, const std::vector<std::string>& names) {
  std::vector<std::string> values;
  for (const std::string& name : names) {
    for (const auto& [header, value] : request.headers) {
      if (!value.empty() && http::EqualsIgnoringCase(header, name)) {
        values.push_back(value);
      }
    }
  }
  return values;
}

int HexDigit(char c) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const std::size_t digit = kDigits.find(c);
  return digit == std::string_view::npos ? -1 : static_cast<int>(digit);
}

/// Lower case, and then without its percent escapes if all of them are well-formed.
std::string ExtraKey(std::string_view header_rest) {
  std::string lower(header_rest);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  std::string key;
  for (std::size_t i = 0; i < lower.size(); ++i) {
    if (lower[i] != '%') {
      key += lower[i];
      continue;
    }
    const int high = i + 2 < lower.size() ? HexDigit(lower[i + 1]) : -1;
    const int low = high < 0 ? -1 : HexDigit(lower[i + 2]);
    if (low < 0) {
      return lower;
    }
    key += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return key;
}

std::map<std::string, std::vector<std::string>> Extra(const http::Request& request,
                                                      const std::vector<std::string>& prefixes) {
  std::map<std::string, std::vector<std::string>> extra;
  for (const std::string& prefix : prefixes) {
    for (const auto& [header, value] : request.headers) {
      const std::string_view name = header;
      if (http::EqualsIgnoringCase(name.substr(0, prefix.size()), prefix)) {
        extra[ExtraKey(name.substr(prefix.size()))].push_back(value);
      }
    }
  }
  return extra;
}

/// Sets `failed` if the certificate is not the front proxy's.
std::optional<Identity> FromFrontProxy(const http::Request& request, const FrontProxyTrust& trust,
                                       http::CertificateVerifier::Time now, bool& failed) {
  const auto owner = trust.ca->Verify(*request.presented_certificates, now);
  if (!owner || (!trust.allowed_names.empty() && !Contains(trust.allowed_names, owner->common_name))) {
    failed = true;
    return std::nullopt;
  }
  UserInfo user{.name = FirstValue(request, trust.user_headers), .uid = {}, .groups = {}, .extra = {}};
  if (user.name.empty()) {
    return std::nullopt;
  }
  user.uid = FirstValue(request, trust.uid_headers);
  user.groups = AllValues(request, trust.group_headers);
  user.extra = Extra(request, trust.extra_prefixes);
  return Identity{std::move(user), Proof::kFrontProxy};
}

/// Sets `failed` if the certificate is none of the cluster's.
std::optional<Identity> FromCertificate(const http::Request& request, const http::CertificateVerifier& ca,
                                        http::CertificateVerifier::Time now, bool& failed) {
  const auto owner = ca.Verify(*request.presented_certificates, now);
  failed = failed || !owner;
  if (!owner || owner->common_name.empty()) {
    return std::nullopt;
  }
  UserInfo user{.name = owner->common_name,
                .uid = owner->uid,
                .groups = owner->organizations,
                .extra = {{"authentication.kubernetes.io/credential-id", {"X509SHA256=" + owner->sha256}}}};
  return Identity{std::move(user), Proof::kClientCertificate};
}

std::optional<Identity> FromToken(const http::Request& request, const TokenOwner& token_owner, bool& failed) {
  const std::string_view token = BearerToken(request);
  if (token.empty()) {
    return std::nullopt;
  }
  auto user = token_owner(token);
  failed = failed || !user;
  return user ? std::optional(Identity{*std::move(user), Proof::kToken}) : std::nullopt;
}

void AddAuthenticatedGroup(UserInfo& user) {
  if (user.name != kAnonymous && !Contains(user.groups, kAuthenticated) && !Contains(user.groups, kUnauthenticated)) {
    user.groups.emplace_back(kAuthenticated);
  }
}

}  // namespace

std::optional<Identity> Identify(const http::Request& request, const AuthenticationConfig* config,
                                 const TokenOwner& token_owner, http::CertificateVerifier::Time now) {
  std::optional<Identity> identity;
  bool failed = false;
  if (request.presented_certificates) {
    failed = config == nullptr;
    if (config != nullptr && config->front_proxy) {
      identity = FromFrontProxy(request, *config->front_proxy, now, failed);
    }
    if (config != nullptr && !identity && config->client_ca) {
      identity = FromCertificate(request, *config->client_ca, now, failed);
    }
  }
  if (!identity) {
    identity = FromToken(request, token_owner, failed);
  }
  if (identity) {
    AddAuthenticatedGroup(identity->user);
    return identity;
  }
  if (failed) {
    return std::nullopt;
  }
  return Identity{
      .user = {.name = std::string(kAnonymous), .uid = {}, .groups = {std::string(kUnauthenticated)}, .extra = {}}};
}

}  // namespace server::auth
