// Who is asking. The order of proofs, and what each of them says, is that of k8s.io/apiserver.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/auth/access_control.h"
#include "server/auth/authentication_config.h"
#include "server/http/http_message.h"

namespace server::auth {

struct UserInfo {
  std::string name;
  std::string uid;
  std::vector<std::string> groups;
  std::map<std::string, std::vector<std::string>> extra;

  bool operator==(const UserInfo&) const = default;
};

struct Identity {
  UserInfo user;
  Proof proof = Proof::kNone;
};

/// The owner of a token, or nothing if it is nobody's or nobody can tell.
using TokenOwner = std::function<std::optional<UserInfo>(std::string_view token)>;

/// Without any proof: system:anonymous. Nothing (401) if the client tried to prove something and could not. `config` is
/// null while there is no configuration: then certificates prove nothing, and showing one is such a failure.
std::optional<Identity> Identify(const http::Request& request, const AuthenticationConfig* config,
                                 const TokenOwner& token_owner, http::CertificateVerifier::Time now);

}  // namespace server::auth
