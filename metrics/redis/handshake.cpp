#include "metrics/redis/handshake.h"

#include <string_view>

#include "metrics/redis/error_reply.h"

namespace metrics::redis {
namespace {

bool Contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// Said to a connection that is closed before any of its commands is read.
bool IsFarewell(std::string_view error) {
  return ErrorCode(error) == "DENIED" || error.starts_with("ERR max number of clients");
}

Failure AuthFailure(std::string_view error) {
  const UnavailableKind kind = KindOfError(error);
  if (kind != UnavailableKind::kServer) {
    return {kind, std::string("refused the credentials (").append(ErrorCode(error)).append(")")};
  }
  if (Contains(error, "without any password configured") || Contains(error, "no password is set")) {
    return {UnavailableKind::kAuth, "refused the password because none is configured there"};
  }
  return {UnavailableKind::kAuth, "refused the credentials"};
}

/// The answer to HELLO tells the protocol, among other properties.
bool SpeaksResp3(const Reply& hello) {
  for (std::size_t i = 0; i + 1 < hello.elements.size(); i += 2) {
    if (hello.elements[i].text == "proto") return hello.elements[i + 1].integer == 3;
  }
  return false;
}

Failure HelloFailure(std::string_view error) {
  const bool is_unknown = error.starts_with("ERR unknown command") || error.starts_with("ERR Unknown command");
  if (is_unknown || ErrorCode(error) == "NOPROTO") {
    return {UnavailableKind::kProtocol, "does not speak RESP3, which is configured for it"};
  }
  const UnavailableKind kind = KindOfError(error);
  if (kind == UnavailableKind::kAuth) return AuthFailure(error);
  const bool may_show = kind != UnavailableKind::kServer;  // Any other first word may be anything.
  return {kind, "refused HELLO" + (may_show ? " (" + std::string(ErrorCode(error)) + ")" : std::string())};
}

}  // namespace

std::optional<Failure> RefusalOfRole(const Reply& reply) {
  if (reply.type == Reply::Type::kError) {
    return Failure{KindOfError(reply.text), "refused ROLE: " + QuoteError(reply.text)};
  }
  const std::string role = reply.elements.empty() ? std::string() : reply.elements.front().text;
  if (role == "master") return std::nullopt;
  if (role == "slave") return Failure{UnavailableKind::kLoading, "is a replica, not the master"};
  return Failure{UnavailableKind::kProtocol, "does not call itself the master, but " + QuoteError(role)};
}

Handshake::Handshake(const Credentials& credentials, std::uint32_t database, Protocol protocol, bool must_be_master)
    : database_(database) {
  const bool has_credentials = !credentials.user.empty() || !credentials.password.empty();
  if (protocol == Protocol::kResp3) {
    // The user that AUTH means where it is given none.
    const std::string_view user = credentials.user.empty() ? std::string_view("default") : credentials.user;
    if (has_credentials) {
      batch_.Add({"HELLO", "3", "AUTH", user, credentials.password});
    } else {
      batch_.Add({"HELLO", "3"});
    }
    steps_.push_back(Step::kHello);
  } else if (!credentials.user.empty()) {
    batch_.Add({"AUTH", credentials.user, credentials.password});
    steps_.push_back(Step::kAuth);
  } else if (!credentials.password.empty()) {
    batch_.Add({"AUTH", credentials.password});
    steps_.push_back(Step::kAuth);
  }
  if (database != 0) {
    batch_.Add({"SELECT", std::to_string(database)});
    steps_.push_back(Step::kSelect);
  }
  batch_.Add({"PING"});
  steps_.push_back(Step::kPing);
  if (must_be_master) {
    batch_.Add({"ROLE"});
    steps_.push_back(Step::kRole);
  }
}

std::optional<Failure> Handshake::Take(const Reply& reply) {
  const Step step = steps_.at(next_++);
  if (step == Step::kRole) return RefusalOfRole(reply);
  if (step == Step::kHello && SpeaksResp3(reply)) return std::nullopt;
  if (reply.type == Reply::Type::kStatus && step != Step::kHello) return std::nullopt;
  // A connect to a free local port can meet itself, and then reads its own commands: arrays.
  if (reply.type != Reply::Type::kError) return Failure{UnavailableKind::kProtocol, "does not answer as Redis does"};
  const std::string_view error = reply.text;
  if (IsFarewell(error)) return Failure{KindOfError(error), "refused the connection: " + QuoteError(error)};
  if (ErrorCode(error) == "NOAUTH") return Failure{UnavailableKind::kAuth, "requires credentials (NOAUTH)"};
  switch (step) {
    case Step::kAuth:
      return AuthFailure(error);
    case Step::kHello:
      return HelloFailure(error);
    case Step::kSelect:
      return Failure{KindOfError(error), "refused SELECT " + std::to_string(database_) + ": " + QuoteError(error)};
    case Step::kPing:
    case Step::kRole:
      break;  // NOPERM, LOADING, MASTERDOWN, …: Redis is alive, and reads get errors of their own.
  }
  return std::nullopt;
}

}  // namespace metrics::redis
