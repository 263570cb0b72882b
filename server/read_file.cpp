#include "server/read_file.h"

#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

namespace server {

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  try {
    std::string contents{std::istreambuf_iterator<char>(file), {}};
    if (file) {
      return contents;
    }
  } catch (const std::ios_base::failure&) {
    // A directory opens, but does not read.
  }
  throw std::system_error(errno, std::generic_category(), "cannot read " + path.string());
}

}  // namespace server
