#include "server/read_file.h"

#include <array>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/http/unique_fd.h"

namespace server {
namespace {

[[noreturn]] void Refuse(const std::filesystem::path& path, int error, const char* what = "") {
  throw std::system_error(error, std::generic_category(), "cannot read " + path.string() + what);
}

}  // namespace

std::string ReadFile(const std::filesystem::path& path) {
  // Whoever opens a FIFO otherwise waits for somebody to write to it.
  const http::UniqueFd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat status {};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) {
    Refuse(path, errno);
  }
  if (S_ISDIR(status.st_mode)) {
    Refuse(path, EISDIR);
  }
  if (!S_ISREG(status.st_mode)) {
    Refuse(path, EINVAL, ", which is no regular file");
  }
  std::string contents;
  std::array<char, 16384> buffer;
  ssize_t size = 0;
  while ((size = ::read(file.get(), buffer.data(), buffer.size())) != 0) {
    if (size < 0) {
      Refuse(path, errno);
    }
    contents.append(buffer.data(), static_cast<std::size_t>(size));
    if (contents.size() > kMostBytes) {
      Refuse(path, EFBIG);
    }
  }
  return contents;
}

}  // namespace server
