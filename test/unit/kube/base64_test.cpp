#include "server/kube/base64.h"

#include "test/support/catch.h"

namespace server::kube {
namespace {

TEST_CASE("base64 is written and read back, whatever the length") {
  struct Case {
    std::string bytes;
    const char* text;
  };
  // RFC 4648, 10, and what needs the last two letters of the alphabet.
  const Case cases[] = {{"", ""},
                        {"f", "Zg=="},
                        {"fo", "Zm8="},
                        {"foo", "Zm9v"},
                        {"foob", "Zm9vYg=="},
                        {"fooba", "Zm9vYmE="},
                        {"foobar", "Zm9vYmFy"},
                        {"\xfb\xff\xfe", "+//+"},
                        {std::string(3, '\0'), "AAAA"}};
  for (const Case& c : cases) {
    INFO(c.text);
    CHECK(EncodeBase64(c.bytes) == c.text);
    CHECK(DecodeBase64(c.text) == c.bytes);
  }
  CHECK(DecodeBase64("Zm9v\n  YmFy\r\n") == "foobar");
}

TEST_CASE("what is not base64 is nothing") {
  for (const char* text : {"%%", "Zg==Zg==", "Z", "Zm9v=Z", "===", "Zm9v-_"}) {
    INFO(text);
    CHECK_FALSE(DecodeBase64(text));
  }
}

}  // namespace
}  // namespace server::kube
