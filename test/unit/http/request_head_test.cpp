#include "server/http/request_head.h"

#include "test/support/catch.h"

namespace server::http {
namespace {

/// 0 for a head that is accepted.
int StatusOf(const std::string& head) {
  std::optional<HeadError> error;
  const std::size_t length = FindHeadEnd(head, 0, {}, error);
  if (!error) {
    REQUIRE(length == head.size());
    ParseHead(head, {}, error);
  }
  return error ? error->status : 0;
}

RequestHead Parse(const std::string& head) {
  std::optional<HeadError> error;
  RequestHead parsed = ParseHead(head, {}, error);
  REQUIRE_FALSE(error);
  return parsed;
}

TEST_CASE("a head is parsed into method, target and header lines", "[http]") {
  const RequestHead head = Parse(
      "GET /apis?x=1 HTTP/1.1\r\nHost: localhost\r\nX-Remote-Group: a%2Fb\r\nx-remote-group:\t c,d \r\nEmpty:\r\n\r\n");
  CHECK(head.request.method == "GET");
  CHECK(head.request.path == "/apis");
  CHECK(head.request.QueryValue("x") == "1");
  CHECK(head.request.Header("host") == "localhost");
  CHECK(head.request.Header("X-REMOTE-GROUP") == "a%2Fb");
  CHECK(head.request.headers.at(2).second == "c,d");
  CHECK(head.request.Header("empty") == "");
  CHECK_FALSE(head.request.Header("absent"));
  CHECK_FALSE(head.close);
}

TEST_CASE("what two parsers could read differently is refused", "[http]") {
  const std::string line = "GET / HTTP/1.1\r\n";
  const std::string host = "Host: x\r\n";
  struct Case {
    std::string why;
    std::string head;
    int status;
  };
  const auto example = GENERATE_COPY(values<Case>({
      {"plain", line + host + "\r\n", 0},
      {"chunked body", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n", 0},
      {"bare LF", "GET / HTTP/1.1\nHost: x\n\n", 400},
      {"host with a port", line + "Host: [::1]:8443\r\n\r\n", 0},
      {"host with a space", line + "Host: a b\r\n\r\n", 400},
      {"host with a user and a path", line + "Host: a@b/c\r\n\r\n", 400},
      {"bare LF after CR LF", line + "Host: x\n\r\n", 400},
      {"CR inside a value", line + host + "A: b\rC: d\r\n\r\n", 400},
      {"NUL inside a value", line + host + std::string("A: b\0\r\n\r\n", 9), 400},
      {"folded line", line + host + "A: b\r\n c\r\n\r\n", 400},
      {"space before the colon", line + host + "Content-Length : 5\r\n\r\n", 400},
      {"no colon", line + host + "nonsense\r\n\r\n", 400},
      {"empty name", line + host + ": x\r\n\r\n", 400},
      {"no Host", line + "\r\n", 400},
      {"two Hosts", line + host + host + "\r\n", 400},
      {"two lengths", line + host + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400},
      {"listed lengths", line + host + "Content-Length: 5, 5\r\n\r\n", 400},
      {"signed length", line + host + "Content-Length: +5\r\n\r\n", 400},
      {"empty length", line + host + "Content-Length:\r\n\r\n", 400},
      {"length and chunked", line + host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"chunked twice", line + host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 501},
      {"other coding", line + host + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {"chunked in 1.0", "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"empty line first", "\r\n" + line + host + "\r\n", 0},
      {"nothing but empty lines", "\r\n\r\n", 400},
      {"two words", "GET /\r\n" + host + "\r\n", 400},
      {"four words", "GET / x HTTP/1.1\r\n" + host + "\r\n", 400},
      {"method no token", "G(T / HTTP/1.1\r\n" + host + "\r\n", 400},
      {"tab in the target", "GET /\t HTTP/1.1\r\n" + host + "\r\n", 400},
      {"bad escape", "GET /%zz HTTP/1.1\r\n" + host + "\r\n", 400},
      {"other version", "GET / HTTP/2.0\r\n" + host + "\r\n", 505},
      {"no version", "GET / FTP\r\n" + host + "\r\n", 400},
  }));
  INFO(example.why);
  CHECK(StatusOf(example.head) == example.status);
}

TEST_CASE("the connection ends after a body, HTTP/1.0, or when the client says so", "[http]") {
  const std::string host = "Host: x\r\n";
  CHECK(Parse("GET / HTTP/1.0\r\n\r\n").close);
  CHECK(Parse("GET / HTTP/1.1\r\n" + host + "Connection: keep-alive, Close\r\n\r\n").close);
  CHECK(Parse("POST / HTTP/1.1\r\n" + host + "Content-Length: 2\r\n\r\n").close);
  CHECK(Parse("POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: Chunked\r\n\r\n").close);
  CHECK_FALSE(Parse("GET / HTTP/1.1\r\n" + host + "Content-Length: 00\r\n\r\n").close);
  CHECK_FALSE(Parse("GET / HTTP/1.1\r\n" + host + "Connection: keep-alive\r\n\r\n").close);
}

TEST_CASE("the end of a head is found however its bytes arrive", "[http]") {
  const std::string head = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  std::optional<HeadError> error;
  for (std::size_t received = 1; received < head.size(); ++received) {
    CHECK(FindHeadEnd(std::string_view(head).substr(0, received), received - 1, {}, error) == 0);
  }
  CHECK(FindHeadEnd(head, head.size() - 1, {}, error) == head.size());
  CHECK(FindHeadEnd(head + "GET", 0, {}, error) == head.size());
  CHECK_FALSE(error);
}

TEST_CASE("a head is bounded in bytes and lines", "[http]") {
  const HeadLimits limits{.bytes = 64, .lines = 2};
  std::optional<HeadError> error;
  SECTION("endless") {
    CHECK(FindHeadEnd(std::string(64, 'a'), 0, limits, error) == 0);
    REQUIRE(error);
    CHECK(error->status == 431);
    CHECK(error->message == "the request head is larger than 64 bytes");
  }
  SECTION("complete but too long") {
    CHECK(FindHeadEnd("GET / HTTP/1.1\r\n" + std::string(64, 'a') + "\r\n\r\n", 0, limits, error) == 0);
    REQUIRE(error);
    CHECK(error->status == 431);
  }
  SECTION("too many lines") {
    ParseHead("GET / HTTP/1.1\r\nHost: x\r\na: b\r\nc: d\r\n\r\n", limits, error);
    REQUIRE(error);
    CHECK(error->status == 431);
  }
  SECTION("just right") {
    const std::string head = "GET / HTTP/1.1\r\nHost: x\r\na: " + std::string(32, 'b') + "\r\n\r\n";
    REQUIRE(head.size() == 64);
    CHECK(FindHeadEnd(head, 0, limits, error) == 64);
    ParseHead(head, limits, error);
    CHECK_FALSE(error);
  }
}

}  // namespace
}  // namespace server::http
