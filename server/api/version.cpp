#include "server/api/version.h"

#include "server/wire/json_writer.h"

namespace server::api {

std::string VersionJson(const VersionInfo& version) {
  std::string out;
  wire::JsonWriter json(out, wire::JsonStyle::kPretty);
  json.BeginObject();
  json.Member("major", version.major);
  json.Member("minor", version.minor);
  json.Member("gitVersion", version.git_version);
  json.Member("gitCommit", version.git_commit);
  json.Member("gitTreeState", version.git_tree_state);
  json.Member("buildDate", version.build_date);
  json.Member("goVersion", version.language);
  json.Member("compiler", version.compiler);
  json.Member("platform", version.platform);
  json.EndObject();
  return out;
}

}  // namespace server::api
