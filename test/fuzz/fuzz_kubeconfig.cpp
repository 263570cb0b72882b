// Any text is a configuration that can be used, or refused in a sentence.
#include <cstddef>
#include <cstdint>
#include <string>

#include "server/kube/cluster_config.h"
#include "test/fuzz/fuzzing.h"

using fuzzing::Require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string yaml(fuzzing::Text(data, size));
  try {
    const auto config = server::kube::ParseKubeconfig(yaml, "/folder");
    Require(!config.host.empty() && config.port != 0);
    Require(config.host.find_first_of(" \t\r\n@?#/") == std::string::npos);
    Require(config.base_path.empty() || (config.base_path.front() == '/' && config.base_path.back() != '/'));
    Require(config.base_path.find_first_of(" \t\r\n@?#") == std::string::npos);  // It goes into a request line.
    Require(config.client_certificate.empty() == config.client_key.empty());
    for (const auto* material : {&config.ca, &config.client_certificate, &config.client_key, &config.token}) {
      Require(material->file.empty() || (material->data.empty() && material->file.is_absolute()));
    }
  } catch (const server::kube::ConfigError& error) {
    Require(*error.what() != '\0');
  }
  return 0;
}
