#include "server/http/gzip.h"

#include <zlib.h>

#include "test/support/catch.h"

namespace server::http {
namespace {

TEST_CASE("gzip is used for those who accept it", "[http]") {
  CHECK(AcceptsGzip("gzip"));
  CHECK(AcceptsGzip("deflate, GZIP;q=0.5"));
  CHECK(AcceptsGzip("*"));
  CHECK(AcceptsGzip("identity;q=0, *;q=0.1"));
  CHECK_FALSE(AcceptsGzip(""));
  CHECK_FALSE(AcceptsGzip("deflate, br"));
  CHECK_FALSE(AcceptsGzip("gzip;q=0"));
  CHECK_FALSE(AcceptsGzip("gzip; q=0.000, *"));
  CHECK_FALSE(AcceptsGzip("*;q=0"));
}

TEST_CASE("gzip gives back what it was given", "[http]") {
  std::string text;
  for (int i = 0; text.size() < 100'000; ++i) {
    text += std::to_string(i) + " queue, ";
  }
  const std::string compressed = Gzip(text);
  CHECK(compressed.size() < text.size() / 2);

  std::string restored(text.size() + 1, '\0');
  z_stream stream{};
  constexpr int kGzipWindow = 15 + 16;
  REQUIRE(inflateInit2(&stream, kGzipWindow) == Z_OK);
  std::string input = compressed;
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(restored.data());
  stream.avail_out = static_cast<uInt>(restored.size());
  CHECK(inflate(&stream, Z_FINISH) == Z_STREAM_END);
  restored.resize(stream.total_out);
  inflateEnd(&stream);
  CHECK(restored == text);
}

}  // namespace
}  // namespace server::http
