// /version: which build this is.
#pragma once

#include <string>

namespace server::api {

/// The keys of the document are those of Kubernetes' version.Info.
struct VersionInfo {
  std::string major;
  std::string minor;
  std::string git_version;  // "v1.2.3"
  std::string git_commit;
  std::string git_tree_state;  // "clean" or "dirty"
  std::string build_date;      // RFC 3339
  std::string language;        // In the key goVersion: "C++20".
  std::string compiler;        // "gcc 12.2.0"
  std::string platform;        // "linux/amd64"
};

/// Indented JSON.
std::string VersionJson(const VersionInfo& version);

}  // namespace server::api
